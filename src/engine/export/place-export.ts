import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Gives a finished export its name. A folder of files becomes as many files: the first has the name, the others `_0002`, `_0003` … before its ending.
 * Files of these names are replaced.
 */
export async function placeExport(path: string, out: string): Promise<{ paths: string[]; bytes: number }> {
  const entry = await stat(path);
  if (!entry.isDirectory()) {
    await rename(path, out);
    return { paths: [out], bytes: entry.size };
  }
  const paths: string[] = [];
  let bytes = 0;
  for (const [index, name] of (await readdir(path)).sort().entries()) {
    const part = join(path, name);
    const target = index === 0 ? out : numbered(out, index + 1);
    bytes += (await stat(part)).size;
    await rename(part, target);
    paths.push(target);
  }
  await rm(path, { recursive: true });
  return { paths, bytes };
}

function numbered(out: string, number: number): string {
  const suffix = `_${String(number).padStart(4, '0')}`;
  const ending = /(\.[A-Za-z0-9]{1,8}){1,2}$/.exec(out)?.[0] ?? '';
  return `${out.slice(0, out.length - ending.length)}${suffix}${ending}`;
}
