import { resolve } from 'node:path';
import type { Disk } from './disk.ts';
import { diskError } from './disk.ts';

/** Where recordings lie beside the recordings folder. */
export interface OtherFolder {
  path: string;
  /** Only the files of these recordings are of the library: the folder is somebody's own. Absent: all. */
  recordings?: ReadonlySet<string> | undefined;
}

/** A folder of the library, and the names in it. */
export interface ListedFolder extends OtherFolder {
  names: readonly string[];
}

/** Each folder once, the recordings folder first. */
export function libraryFolders(folder: string, others: readonly OtherFolder[]): OtherFolder[] {
  const folders = new Map<string, OtherFolder>([[resolve(folder), { path: folder }]]);
  for (const other of others) {
    if (other.path === '') continue;
    const key = resolve(other.path);
    const known = folders.get(key);
    if (!known) folders.set(key, other);
    else if (known.recordings) {
      const recordings = other.recordings && new Set([...known.recordings, ...other.recordings]);
      folders.set(key, { path: known.path, recordings });
    }
  }
  return [...folders.values()];
}

/**
 * What is in the folders; one that is not there is empty. One beside the recordings folder that cannot be read is said in `problems`, and empty.
 * @throws LabError recording.denied, recording.failed: the recordings folder, the first, cannot be read
 */
export async function listFolders(
  folders: readonly OtherFolder[],
  disk: Disk,
): Promise<{ listed: ListedFolder[]; problems: string[] }> {
  const problems: string[] = [];
  const listed = await Promise.all(
    folders.map(async (folder, index) => {
      const names = await disk.list(folder.path).catch((error: unknown) => {
        const ours = diskError(error, folder.path);
        if (ours.code === 'recording.folder-gone') return [];
        if (index === 0) throw ours;
        problems.push(`${folder.path} cannot be read: what lies there is not in this list.`);
        return [];
      });
      return { ...folder, names };
    }),
  );
  return { listed, problems };
}
