import type { DiskFile } from './disk.ts';

/** The same file with some of its calls replaced. */
export function fileView(file: DiskFile, calls: Partial<DiskFile>): DiskFile {
  return {
    read: (target, position) => file.read(target, position),
    write: (buffers, position) => file.write(buffers, position),
    sync: () => file.sync(),
    truncate: (bytes) => file.truncate(bytes),
    size: () => file.size(),
    close: () => file.close(),
    ...calls,
  };
}
