import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { chunkCompression } from '../../contract/recording-schema.ts';
import { atomicWrite } from '../state/atomic-write.ts';
import { readKeptText } from '../state/kept-text.ts';

const underway = z.object({
  id: z.string(),
  name: z.string(),
  folder: z.string(),
  notes: z.string(),
  operator: z.string().default(''),
  tags: z.array(z.string()).default([]),
  compression: chunkCompression.default('none'),
  plainMessages: z.boolean().default(false),
  /** ns since 1970. */
  startedNs: z.string().regex(/^-?\d{1,19}$/),
  part: z.int(),
  /** Its folder lies on another disk than the data folder. */
  isOnOwnDrive: z.boolean().default(false),
});
/** What is needed to go on with a recording after a crash of the engine. */
export type Underway = z.infer<typeof underway>;

/** `recording.json` of the data folder: there while a recording runs. What is asked is done in the order in which it was asked: a removal is the last word. */
export class RecordingNote {
  readonly #path: string;
  #last: Promise<unknown> = Promise.resolve();

  constructor(dataFolder: string) {
    this.#path = join(dataFolder, 'recording.json');
  }

  /** Undefined if no recording was cut off; a damaged note is removed. Rejects with the system's error where it cannot be read. */
  async read(): Promise<Underway | undefined> {
    const text = await readKeptText(this.#path);
    if (text === undefined) return undefined;
    try {
      return underway.parse(JSON.parse(text));
    } catch {
      await this.remove();
      return undefined;
    }
  }

  /** Rejects with the system's error; the note before stays then. */
  write(note: Underway): Promise<void> {
    return this.#inTurn(() => atomicWrite(this.#path, JSON.stringify(note)));
  }

  /** Rejects with the system's error. */
  remove(): Promise<void> {
    return this.#inTurn(() => rm(this.#path, { force: true }));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.catch(() => undefined).then(work);
    this.#last = done;
    return done;
  }
}
