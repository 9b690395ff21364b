import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { recordingRow } from '../../contract/recording-schema.ts';
import { atomicWrite } from '../state/atomic-write.ts';
import { memberPart } from './recording-about.ts';

/** What a file was found to be: with the same stamp it still is. */
const cachedFile = z.object({
  stamp: z.string(),
  id: z.string(),
  part: z.int(),
  /** Of the recording, as its head says. */
  name: z.string(),
  members: z.array(memberPart),
  inode: z.number(),
});

/** A line of the library as it was made; `words`: what a search looks through. */
const cachedRecording = z.object({ stamp: z.string(), row: recordingRow, words: z.string() });

/** What is known of a recording beside its files: it belongs to these very files. */
const mark = z.object({
  stamp: z.string(),
  verified: z.object({ ok: z.boolean(), atNs: z.string() }).nullable(),
  uploaded: z.string().nullable(),
});
export type RecordingMark = z.infer<typeof mark>;

const document = z.object({
  version: z.literal(2),
  files: z.record(z.string(), cachedFile),
  recordings: z.record(z.string(), cachedRecording),
  marks: z.record(z.string(), mark),
});
export type LibraryCache = z.infer<typeof document>;

/** More is no cache of ours. */
const MAX_BYTES = 256 << 20;

export function emptyCache(): LibraryCache {
  return { version: 2, files: {}, recordings: {}, marks: {} };
}

/** What the library knew last time; empty if there is none, or none that fits: then it is made anew from the files. */
export async function readCache(path: string): Promise<LibraryCache> {
  try {
    const text = await readFile(path, 'utf8');
    return text.length > MAX_BYTES ? emptyCache() : document.parse(JSON.parse(text));
  } catch {
    return emptyCache();
  }
}

/** Never rejects: without it the next start reads the files again. */
export async function writeCache(path: string, cache: LibraryCache): Promise<void> {
  await atomicWrite(path, JSON.stringify(cache)).catch(() => undefined);
}
