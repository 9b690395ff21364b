import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { upload, uploadTarget } from '../../contract/upload-schema.ts';
import { atomicWrite } from '../state/atomic-write.ts';

const document = z.object({
  version: z.literal(1),
  target: uploadTarget.nullable(),
  uploads: z.array(upload),
});
export type UploadDocument = z.infer<typeof document>;

/** Those done that are remembered: with their sums they keep a part from being sent twice. */
const MAX_DONE = 5000;

/** The queue of a data folder; empty if there is none, or none that fits. */
export async function readQueue(path: string): Promise<UploadDocument> {
  try {
    const { target, uploads, version } = document.parse(JSON.parse(await readFile(path, 'utf8')));
    // What was under way when the engine ended is waiting again.
    const waiting = uploads.map((one) =>
      one.state === 'sending' || one.state === 'verifying' ? { ...one, state: 'waiting' as const, sentBytes: 0 } : one,
    );
    return { version, target, uploads: waiting };
  } catch {
    return { version: 1, target: null, uploads: [] };
  }
}

/** Rejects with the system's error. */
export async function writeQueue(path: string, { target, uploads }: Omit<UploadDocument, 'version'>): Promise<void> {
  const done = uploads.filter(({ state }) => state === 'done').slice(-MAX_DONE);
  const open = uploads.filter(({ state }) => state !== 'done');
  await atomicWrite(path, JSON.stringify({ version: 1, target, uploads: [...done, ...open] }));
}
