import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { type Upload, upload, uploadTarget } from '../../contract/upload-schema.ts';
import { id } from '../../contract/value-schema.ts';
import { atomicWrite } from '../state/atomic-write.ts';

const document = z.object({
  version: z.literal(1),
  target: uploadTarget.nullable(),
  uploads: z.array(upload),
  /** Recordings whose parts are sent as they are finished, until all are there. */
  wanted: z.array(id).default([]),
  /** Files a person took out of the queue: not sent unless asked for. */
  left: z.array(z.string()).default([]),
});
export type UploadDocument = z.infer<typeof document>;

/** The queue of a data folder; empty if there is none, or none that fits. */
export async function readQueue(path: string): Promise<UploadDocument> {
  try {
    const { uploads, ...rest } = document.parse(JSON.parse(await readFile(path, 'utf8')));
    // What was under way when the engine ended is waiting again.
    const waiting = uploads.map((one) =>
      one.state === 'sending' || one.state === 'verifying' ? { ...one, state: 'waiting' as const, sentBytes: 0 } : one,
    );
    return { ...rest, uploads: waiting };
  } catch {
    return { version: 1, target: null, uploads: [], wanted: [], left: [] };
  }
}

/** Rejects with the system's error. */
export async function writeQueue(path: string, queue: Omit<UploadDocument, 'version'>): Promise<void> {
  await atomicWrite(path, JSON.stringify({ version: 1, ...queue }));
}

/** Without the oldest of those done beyond so many. Those of recordings in `kept` stay: whether these are whole there is still to be told. */
export function trimDone(uploads: readonly Upload[], maxDone: number, kept: ReadonlySet<string>): Upload[] {
  let over = -maxDone;
  for (const { state } of uploads) if (state === 'done') over++;
  return uploads.filter(({ state, recording }) => state !== 'done' || kept.has(recording) || over-- <= 0);
}
