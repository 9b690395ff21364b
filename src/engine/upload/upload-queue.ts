import { rename } from 'node:fs/promises';
import { z } from 'zod';
import { type Upload, upload, uploadTarget } from '../../contract/upload-schema.ts';
import { id } from '../../contract/value-schema.ts';
import { systemCode } from '../recording/disk.ts';
import { atomicWrite } from '../state/atomic-write.ts';
import { readKeptText } from '../state/kept-text.ts';

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

const EMPTY: UploadDocument = { version: 1, target: null, uploads: [], wanted: [], left: [] };

/** The queue of a data folder; empty if there is none. One that does not fit is set aside and one that cannot be read left alone (`mayWrite`): both are said in `problem`. */
export async function readQueue(path: string): Promise<{ queue: UploadDocument; mayWrite: boolean; problem?: string }> {
  let text: string | undefined;
  try {
    text = await readKeptText(path);
  } catch (error) {
    const problem = `The queue of uploads cannot be read from ${path} (${systemCode(error) || error}): nothing is sent by itself. The file is left as it is, and what changes now is not kept. Allow reading it, then start Labwire again.`;
    return { queue: EMPTY, mayWrite: false, problem };
  }
  if (text === undefined) return { queue: EMPTY, mayWrite: true };
  try {
    return { queue: parse(text), mayWrite: true };
  } catch {
    await rename(path, `${path}.bad`).catch(() => undefined);
    const problem = `The queue of uploads is damaged and begins anew: name the server again. The old file is ${path}.bad.`;
    return { queue: EMPTY, mayWrite: true, problem };
  }
}

function parse(text: string): UploadDocument {
  const { uploads, ...rest } = document.parse(JSON.parse(text));
  // What was under way when the engine ended is waiting again.
  const waiting = uploads.map((one) =>
    one.state === 'sending' || one.state === 'verifying' ? { ...one, state: 'waiting' as const, sentBytes: 0 } : one,
  );
  return { ...rest, uploads: waiting };
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
