import { readFile } from 'node:fs/promises';
import { systemCode } from '../recording/disk.ts';

/**
 * The text of a file that is kept between runs; undefined: there is none yet. Rejects with the system's error for any other reason: what could not be
 * read is there, and whoever takes it for missing overwrites it.
 */
export async function readKeptText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
