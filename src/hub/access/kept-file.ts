import { chmod, mkdir, readFile, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { writePrivateFile } from './atomic-file.ts';
import { inTurn, systemCode } from './file-turn.ts';

export interface KeptFileOptions<T> {
  path: string;
  /** Of the file as a whole; must demand its `version`. */
  schema: z.ZodType<T>;
  /** What stands for a file that is not there. */
  empty: T;
  clock: Clock;
  /** A line for the log and the person: the file was damaged, or others could read it. */
  say: (text: string) => void;
}

const anyVersion = z.object({ version: z.number() });

/**
 * One JSON file that several processes read and change: the hub that runs, and the command line beside it. Changed under the folder's lock and replaced
 * whole; what another process changed is seen by `refresh`. A file that cannot be understood is set aside under another name: what was in force stays so.
 */
export class KeptFile<T extends { version: number }> {
  readonly #options: KeptFileOptions<T>;
  readonly #lockPath: string;
  #value: T;
  /** Which file the value was read from: inode, time and size. */
  #mark = '';
  #complaint = '';
  #listeners = new Set<(now: T, before: T) => void>();

  private constructor(options: KeptFileOptions<T>) {
    this.#options = options;
    this.#lockPath = join(dirname(options.path), 'lock');
    this.#value = options.empty;
  }

  /** Makes the folder if it is not there. Throws hub.storage if it cannot be made or the file not be read, or is of a newer Labwire. */
  static async open<T extends { version: number }>(options: KeptFileOptions<T>): Promise<KeptFile<T>> {
    const file = new KeptFile(options);
    try {
      await mkdir(dirname(options.path), { recursive: true, mode: 0o700 });
    } catch (cause) {
      const text = `The folder ${dirname(options.path)} cannot be made (${systemCode(cause)}). Nobody can log in at the hub; measurements go on. Check the rights of the folder above it.`;
      throw new LabError('hub.storage', text, {}, { cause });
    }
    await file.#read();
    await file.#closeToOthers();
    return file;
  }

  /** As last read. Never changed in place. */
  get value(): T {
    return this.#value;
  }

  onChange(listener: (now: T, before: T) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Reads it again if another process changed it. What cannot be read is said once, and changes nothing. */
  async refresh(): Promise<void> {
    try {
      await this.#read();
      this.#complaint = '';
    } catch (thrown) {
      const { message } = LabError.from(thrown);
      if (message !== this.#complaint) this.#options.say(message);
      this.#complaint = message;
    }
  }

  /**
   * Makes a new value of the newest one, and keeps it. `edit` gives the new value and an answer; given the old value back, nothing is written.
   * Throws hub.storage, and what `edit` throws; nothing is changed then.
   */
  change<R>(edit: (value: T) => readonly [T, R]): Promise<R> {
    return inTurn(this.#lockPath, this.#options.clock, async () => {
      await this.#read(true);
      const [next, answer] = edit(this.#value);
      if (next === this.#value) return answer;
      await this.#write(next);
      this.#set(next);
      return answer;
    });
  }

  async #write(value: T): Promise<void> {
    const { path } = this.#options;
    try {
      await writePrivateFile(path, `${JSON.stringify(value, undefined, 1)}\n`);
      this.#mark = (await this.#markNow()) ?? '';
    } catch (cause) {
      const text = `${path} cannot be written (${systemCode(cause)}). Nothing was changed; measurements go on. Make room on the disk, or check the rights of the folder.`;
      throw new LabError('hub.storage', text, {}, { cause });
    }
  }

  #set(value: T): void {
    const before = this.#value;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener(value, before);
  }

  async #markNow(): Promise<string | undefined> {
    try {
      const { ino, mtimeNs, size } = await stat(this.#options.path, { bigint: true });
      return `${ino} ${mtimeNs} ${size}`;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw this.#unreadable(error);
    }
  }

  async #read(isInTurn = false): Promise<void> {
    const { path, empty } = this.#options;
    const mark = await this.#markNow();
    if (mark === undefined) {
      if (this.#mark === '') return;
      this.#mark = '';
      this.#set(empty);
      return;
    }
    if (mark === this.#mark) return;
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      throw this.#unreadable(error);
    }
    const value = this.#parse(text);
    if (value === undefined) {
      // Under the lock it is looked at again: somebody may be mending it.
      if (isInTurn) return await this.#setAside();
      return await inTurn(this.#lockPath, this.#options.clock, () => this.#read(true));
    }
    this.#mark = mark;
    this.#set(value);
  }

  /** Undefined: damaged. Throws hub.storage for a newer version. */
  #parse(text: string): T | undefined {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      return undefined;
    }
    const parsed = this.#options.schema.safeParse(json);
    if (parsed.success) return parsed.data;
    const version = anyVersion.safeParse(json);
    if (!version.success || version.data.version <= this.#options.empty.version) return undefined;
    const found = `${this.#options.path} was written by a newer Labwire (version ${version.data.version}).`;
    throw new LabError(
      'hub.storage',
      `${found} It was not changed, and what was known before stays in force. Update this Labwire.`,
    );
  }

  /** The damaged file gets another name; the value in force is written in its place, so that another process does not begin with nothing. */
  async #setAside(): Promise<void> {
    const { path, clock, empty, say } = this.#options;
    const aside = `${path}.damaged-${clock.nowNs() / 1_000_000n}`;
    try {
      await rename(path, aside);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return;
      throw this.#unreadable(error);
    }
    this.#mark = '';
    const isKnown = this.#value !== empty;
    if (isKnown) await this.#write(this.#value);
    const now = isKnown
      ? 'what it held before is in force and was written again'
      : 'it begins empty: nobody it named can come in';
    say(
      `${path} is damaged and now called ${basename(aside)}; ${now}. Measurements are not concerned. Mend it and put it back, or set it up anew.`,
    );
  }

  #unreadable(cause: unknown): LabError {
    const text = `${this.#options.path} cannot be read (${systemCode(cause)}). What was known before stays in force; measurements go on. Check the rights of the file.`;
    return new LabError('hub.storage', text, {}, { cause });
  }

  /** Windows has other rights: there the folder of the user protects it. */
  async #closeToOthers(): Promise<void> {
    if (process.platform === 'win32' || this.#mark === '') return;
    const { path, say } = this.#options;
    const { mode } = await stat(path);
    if ((mode & 0o077) === 0) return;
    await chmod(path, 0o600);
    say(
      `${path} could be read by other users of this machine; now only its owner can. If that is a surprise, set new passwords.`,
    );
  }
}
