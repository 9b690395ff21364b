// Content hashes that tell whether an install or a build is still the one of these sources. No dependencies.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Reads a text file, or undefined if there is none. */
export function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Writes a stamp, making its folder. */
export function writeStamp(path, stamp) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${stamp}\n`);
}

/** Every file below `folder` that `wanted` accepts, sorted, with `/` between the parts. */
export function filesBelow(folder, wanted, prefix = '') {
  const files = [];
  for (const entry of readdirSync(join(folder, prefix), { withFileTypes: true })) {
    const path = prefix ? `${prefix}/${entry.name}` : entry.name;
    if (entry.isDirectory()) files.push(...filesBelow(folder, wanted, path));
    else if (entry.isFile() && wanted(path)) files.push(path);
  }
  return files.sort();
}

/** One hash over texts and the names and contents of files; a missing file counts as missing, not as empty. */
export function hashOf(root, files, ...texts) {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text}\0`);
  for (const file of files) {
    const text = readText(join(root, file));
    hash.update(text === undefined ? `${file}\0missing\0` : `${file}\0${text.length}\0${text}\0`);
  }
  return hash.digest('hex').slice(0, 32);
}
