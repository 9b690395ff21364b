import { resolve } from 'node:path';

/**
 * The folder named by `--data DIR` or `--data=DIR`, absolute against `cwd`; undefined if none is named.
 * Other arguments are Chromium's or unknown and are passed over.
 */
export function dataFolderArgument(args: readonly string[], cwd: string): string | undefined {
  for (const [index, text] of args.entries()) {
    const value = text === '--data' ? args[index + 1] : text.startsWith('--data=') ? text.slice(7) : undefined;
    if (value !== undefined && value !== '' && !value.startsWith('--')) return resolve(cwd, value);
  }
  return undefined;
}
