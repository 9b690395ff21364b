import { rename } from 'node:fs/promises';
import { z } from 'zod';
import { type AttachOptions, attachOptions } from '../../contract/discovery-schema.ts';
import { timeNs } from '../../contract/value-schema.ts';
import { LabError } from '../../core/errors.ts';
import type { Identity } from '../../core/instrument.ts';
import { systemCode } from '../recording/disk.ts';
import { atomicWrite } from '../state/atomic-write.ts';
import { readKeptText } from '../state/kept-text.ts';

const VERSION = 1;

const knownPath = z.object({
  /** Canonical. */
  resource: z.string().max(520),
  /** What the system calls the adapter there (USB ids and serial number): the same adapter may come back under another name. */
  adapter: z.string().max(300).optional(),
  seenNs: timeNs,
});
export type KnownPath = z.infer<typeof knownPath>;

const knownInstrument = z.object({
  id: z.string().max(300),
  identity: z.object({ maker: z.string(), model: z.string(), serial: z.string(), firmware: z.string() }),
  label: z.string().max(200),
  options: attachOptions,
  /** The newest first. */
  paths: z.array(knownPath),
});
export type KnownInstrument = z.infer<typeof knownInstrument>;

const knownFile = z.object({
  format: z.literal('labwire-instruments'),
  version: z.literal(VERSION),
  /** The newest first. */
  instruments: z.array(knownInstrument),
});

export interface KnownLimits {
  maxInstruments: number;
  maxPaths: number;
}

export const KNOWN_LIMITS: KnownLimits = { maxInstruments: 300, maxPaths: 8 };

export interface Seen {
  id: string;
  identity: Identity;
  label: string;
  options: AttachOptions;
  path?: KnownPath | undefined;
}

/**
 * The instruments this data folder has seen, by maker, model and serial number: how each was called and attached, and where it was. Kept in a file of the data folder;
 * bounded, the oldest go. A damaged file is set aside; one that cannot be read, or of a newer Labwire, is left alone and nothing is written.
 */
export class KnownInstruments implements AsyncDisposable {
  readonly #path: string;
  readonly #limits: KnownLimits;
  readonly #onProblem: (text: string) => void;
  readonly #mayWrite: boolean;
  #instruments: KnownInstrument[];
  #saving: Promise<void> | undefined;
  #isDirty = false;
  #hasFailed = false;

  constructor(
    path: string,
    read: { instruments: KnownInstrument[]; mayWrite: boolean },
    onProblem: (text: string) => void,
    limits: KnownLimits,
  ) {
    this.#path = path;
    this.#instruments = read.instruments;
    this.#mayWrite = read.mayWrite;
    this.#onProblem = onProblem;
    this.#limits = limits;
  }

  get all(): readonly KnownInstrument[] {
    return this.#instruments;
  }

  of(id: string): KnownInstrument | undefined {
    return this.#instruments.find((known) => known.id === id);
  }

  /** The one that was last at this address; not if another adapter has the name now. */
  at(resource: string, adapter?: string): KnownInstrument | undefined {
    const pathOf = ({ paths }: KnownInstrument): KnownPath | undefined =>
      paths.find((path) => path.resource === resource && (!adapter || !path.adapter || path.adapter === adapter));
    return this.#instruments
      .filter((known) => pathOf(known))
      .toSorted((a, b) => Number(BigInt(pathOf(b)?.seenNs ?? 0) - BigInt(pathOf(a)?.seenNs ?? 0)))[0];
  }

  remember({ id, identity, label, options, path }: Seen): void {
    const paths = (this.of(id)?.paths ?? []).filter(({ resource }) => resource !== path?.resource);
    const next: KnownInstrument = {
      id,
      identity,
      label,
      options,
      paths: [...(path ? [path] : []), ...paths].slice(0, this.#limits.maxPaths),
    };
    this.#instruments = [next, ...this.#instruments.filter((known) => known.id !== id)].slice(
      0,
      this.#limits.maxInstruments,
    );
    this.#save();
  }

  /** Takes an address out; what is set of the instrument stays with it. */
  forget(resource: string): void {
    this.#instruments = this.#instruments.map((known) => ({
      ...known,
      paths: known.paths.filter((path) => path.resource !== resource),
    }));
    this.#save();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#saving;
  }

  #save(): void {
    if (!this.#mayWrite) return;
    this.#isDirty = true;
    this.#saving ??= this.#write().finally(() => {
      this.#saving = undefined;
    });
  }

  async #write(): Promise<void> {
    while (this.#isDirty) {
      this.#isDirty = false;
      const file = { format: 'labwire-instruments', version: VERSION, instruments: this.#instruments };
      try {
        await atomicWrite(this.#path, `${JSON.stringify(file, null, 1)}\n`);
        this.#hasFailed = false;
      } catch (error) {
        if (!this.#hasFailed)
          this.#onProblem(
            `What is known of the instruments cannot be saved to ${this.#path} (${systemCode(error) || error}). It is kept until Labwire ends. Free space or allow writing.`,
          );
        this.#hasFailed = true;
      }
    }
  }
}

/** Reads the file, if there is one. `onProblem`: in words for the person. */
export async function openKnownInstruments(
  path: string,
  onProblem: (text: string) => void,
  limits: KnownLimits = KNOWN_LIMITS,
): Promise<KnownInstruments> {
  let text: string | undefined;
  try {
    text = await readKeptText(path);
  } catch (error) {
    onProblem(
      `What is known of the instruments cannot be read from ${path} (${systemCode(error) || error}). The file is left as it is; nothing new is remembered until Labwire starts again. Allow reading it.`,
    );
    return new KnownInstruments(path, { instruments: [], mayWrite: false }, onProblem, limits);
  }
  if (text === undefined) return new KnownInstruments(path, { instruments: [], mayWrite: true }, onProblem, limits);
  try {
    return new KnownInstruments(path, { instruments: parse(text), mayWrite: true }, onProblem, limits);
  } catch (error) {
    const isNewer = error instanceof LabError && error.code === 'bench.from-future';
    if (isNewer) onProblem(`${path} was written by a newer Labwire. It is left as it is; nothing new is remembered.`);
    else {
      await rename(path, `${path}.bad`).catch(() => undefined);
      onProblem(`What was known of the instruments cannot be read and begins anew; the old file is ${path}.bad.`);
    }
    return new KnownInstruments(path, { instruments: [], mayWrite: !isNewer }, onProblem, limits);
  }
}

function parse(text: string): KnownInstrument[] {
  const value: unknown = JSON.parse(text);
  const head = z.object({ format: z.literal('labwire-instruments'), version: z.number() }).parse(value);
  if (head.version > VERSION) throw new LabError('bench.from-future', 'A newer file of known instruments.');
  return knownFile.parse(value).instruments;
}
