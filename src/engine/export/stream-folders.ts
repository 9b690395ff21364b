import type { TableSource } from './table.ts';
import { UniqueNames } from './unique-names.ts';

/** `instrument/stream` for each stream, as folders of a file; a stream that was opened again has ` 2` behind its name. */
export function streamFolders(sources: readonly TableSource[]): string[] {
  const instruments = new Map<string, { folder: string; names: UniqueNames }>();
  const folders = new UniqueNames(['events', 'labwire']);
  return sources.map(({ stream: { info } }) => {
    const [first = info.instrument, ...rest] = info.key.split('/');
    const instrument = instruments.get(first) ?? { folder: folders.take(first), names: new UniqueNames() };
    instruments.set(first, instrument);
    return `${instrument.folder}/${instrument.names.take(rest.join('/') || 'stream')}`;
  });
}
