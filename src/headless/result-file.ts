import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { LabError } from '../core/errors.ts';

/**
 * Writes a file a person asked for (`--out`), replaced if it is there: it appears when it is whole. Gives its path. Throws `export.failed`.
 */
export async function writeResult(path: string, content: Uint8Array | Iterable<string>): Promise<string> {
  const whole = resolve(path);
  const part = `${whole}.${randomUUID().slice(0, 8)}.part`;
  try {
    await writeFile(part, content);
    await rename(part, whole);
    return whole;
  } catch (cause) {
    await rm(part, { force: true });
    if (cause instanceof LabError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LabError('export.failed', `${whole} cannot be written: ${why}. Choose another place.`, { path: whole });
  }
}

/** `scope-20260102-030405.png`: a name in the current folder that was not there a second ago. */
export function resultName(instrument: string, extension: string, now: Date): string {
  const name = instrument
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  const time = now.toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
  return `${name || 'instrument'}-${time}.${extension}`;
}
