import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it; fine if it is there. Throws the system's error. Not Node's `recursive`: where a folder takes no entries
 * and says ENOENT (`/proc`), that one tries for ever.
 */
export async function makeFolder(path: string): Promise<void> {
  if (await isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) await makeFolder(parent);
  await mkdir(path).catch(async (error: unknown) => {
    // Another one may have made it meanwhile.
    if (!(await isFolder(path))) throw error;
  });
}

/** Whether there is a folder, links followed. */
export async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ?? false;
}
