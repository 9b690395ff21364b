import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { RecordingRow } from '../../contract/recording-schema.ts';
import type { Upload, UploadState, UploadTarget } from '../../contract/upload-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { delay } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { EventLog } from '../state/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';
import { placeFile } from './place-file.ts';
import { readQueue, trimDone, writeQueue } from './upload-queue.ts';
import { isUploadedTo, whereUploaded } from './upload-words.ts';
import { Webdav } from './webdav.ts';

/** A recording as the library lists it. */
export type UploadedRow = Pick<RecordingRow, 'id' | 'name' | 'paths' | 'state' | 'format' | 'uploaded'>;

export interface UploadDeskParts {
  clock: Clock;
  board: StateBoard;
  events: EventLog;
  /** Where the queue is kept. */
  path: string;
  /** Passwords by what they are for; undefined: they are kept in memory only. */
  secrets?:
    | { read(name: string): Promise<string | undefined>; write(name: string, value: string): Promise<void> }
    | undefined;
  /** The recording as it is now; rejects if there is none. */
  row(recording: string): Promise<UploadedRow>;
  /** It has ended, and every part of it is there and verified: where, in words. */
  uploaded(recording: string, where: string): void;
  retry?: Partial<UploadRetry> | undefined;
  /** Parts done that are remembered, beside those of recordings under way. Default 1000. */
  maxDone?: number | undefined;
}

export interface UploadRetry {
  /** Wait before the second try, doubled up to the most; ms. */
  firstMs: number;
  mostMs: number;
  /** Where the server answers is asked that often while parts wait; ms. */
  probeMs: number;
  /** A server from which nothing comes for so long has gone; ms. */
  silenceMs: number;
}

const RETRY: UploadRetry = { firstMs: 5000, mostMs: 10 * 60_000, probeMs: 30_000, silenceMs: 30_000 };
const MAX_DONE = 1000;
const MAX_LEFT = 5000;
const SECRET = 'upload';

/**
 * Finished parts on their way to a server, one after the other: sent, read back, compared; only then done. The queue outlives the engine. What is there is never sent again while the file is the same.
 *
 *     waiting ──→ sending ──→ verifying ──→ done
 *        ▲           │            │  another sum: sent again
 *        └── back-off ┴───────────┘
 *                    └── the server will never take it, the file cannot be read ──→ failed ── retry() ──→ waiting
 */
export class UploadDesk implements AsyncDisposable {
  readonly #parts: UploadDeskParts;
  readonly #retry: UploadRetry;
  readonly #closing = new AbortController();
  /** Recordings whose parts are sent as they are finished, until all are there. */
  readonly #wanted = new Set<string>();
  /** Paths that a person took out. */
  readonly #left = new Set<string>();
  /** By upload: the name there that it was put under and came back otherwise. */
  readonly #own = new Map<string, string>();
  /** What stands in the file is known. */
  #mayWrite = true;
  #target: UploadTarget | null = null;
  #password: string | undefined;
  #link: UploadState['link'] = 'off';
  /** Nothing was heard of the server for a while. */
  #isStale = false;
  #uploads: Upload[] = [];
  #work: Promise<void> | undefined;
  #current: { id: string; abort: AbortController } | undefined;
  #wake: (() => void) | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(parts: UploadDeskParts) {
    this.#parts = parts;
    this.#retry = { ...RETRY, ...parts.retry };
  }

  get state(): UploadState {
    return { target: this.#target, link: this.#link, uploads: this.#uploads };
  }

  /** Recordings made now are made while the server cannot be reached: it was asked. */
  get isOffline(): boolean {
    return this.#target !== null && (this.#link === 'unreachable' || this.#link === 'needs-password');
  }

  /** Goes on with the queue of last time. */
  async open(): Promise<void> {
    const { queue, mayWrite, problem } = await readQueue(this.#parts.path);
    const { target, uploads, wanted, left } = queue;
    this.#mayWrite = mayWrite;
    if (problem !== undefined) this.#parts.events.add({ kind: 'status', severity: 'warning', text: problem });
    this.#target = target;
    this.#uploads = uploads;
    for (const recording of wanted) this.#wanted.add(recording);
    for (const { recording, state } of uploads) if (state !== 'done') this.#wanted.add(recording);
    for (const path of left) this.#left.add(path);
    this.#password = await this.#parts.secrets?.read(SECRET).catch(() => undefined);
    this.#link = target ? 'unknown' : 'off';
    this.#show();
    this.#start();
  }

  /** Another server, or none; parts that wait go to the new one. */
  async setTarget(target: UploadTarget | null, password: string | undefined): Promise<UploadState> {
    if (target && !/^https?:$/.test(new URL(target.url).protocol)) {
      throw new LabError(
        'call.invalid',
        `${target.url} is no http: or https: address. Give the folder on the WebDAV server.`,
      );
    }
    if (password !== undefined) {
      this.#password = password;
      await this.#parts.secrets?.write(SECRET, password).catch(() => undefined);
    }
    this.#link = target ? 'unknown' : 'off';
    // What is done is done there, not at another server.
    const isSame = target?.url === this.#target?.url;
    this.#target = target;
    if (!isSame) this.#own.clear();
    this.#uploads = this.#uploads
      .filter(({ state }) => isSame || state !== 'done')
      .map((one) =>
        one.state === 'done' ? one : { ...one, state: 'waiting', tries: 0, retryNs: null, error: null, sentBytes: 0 },
      );
    this.#current?.abort.abort();
    this.#changed();
    this.#start();
    return this.state;
  }

  /** Puts the parts of a recording into the queue that are not done; of one that runs, later parts follow. Throws upload.failed without a target. */
  async add(row: Pick<RecordingRow, 'id' | 'name' | 'paths'>): Promise<UploadState> {
    if (!this.#target) {
      throw new LabError(
        'upload.failed',
        'No server is set for recordings. Set one in Settings; the recording is here, whole.',
      );
    }
    for (const path of row.paths) this.#left.delete(path);
    this.#wanted.add(row.id);
    this.#uploads = this.#uploads.map((one) =>
      one.recording === row.id && one.state === 'failed' ? { ...one, state: 'waiting', tries: 0, error: null } : one,
    );
    await this.#queue(row);
    this.#changed();
    this.#start();
    await this.#tellWhole(row.id);
    return this.state;
  }

  /** Its parts are to be sent as they are finished. */
  want(recording: string): void {
    if (this.#wanted.has(recording)) return;
    this.#wanted.add(recording);
    this.#save();
  }

  /** One finished part of the recording that runs: queued, if it is to go there. */
  async addPart(recording: string, name: string, path: string, part: number): Promise<void> {
    if (!this.#target || !(this.#target.when === 'all' || this.#wanted.has(recording))) return;
    this.#wanted.add(recording);
    await this.#addFile(recording, name, path, part);
    this.#changed();
    this.#start();
  }

  /** A recording as it is now: what of it is to go there and is not is queued, and if all of it is there, that is told. */
  async offer(row: UploadedRow): Promise<void> {
    const { id, state, format, uploaded } = row;
    // Files of a session have their names from the first byte on.
    if (!this.#target || (format !== 'labwire' && state === 'recording')) return;
    const isThere = isUploadedTo(this.#target.url, uploaded);
    if (!isThere && (this.#target.when === 'all' || this.#wanted.has(id))) {
      this.#wanted.add(id);
      if (await this.#queue(row)) {
        this.#changed();
        this.#start();
      }
    }
    if (this.#wanted.has(id)) await this.#tell(row);
  }

  /** Asks the server now whether it can be reached. */
  ask(): void {
    this.#isStale = true;
    this.#start();
  }

  /** Tries now. Throws upload.unknown. */
  retry(id: string): void {
    const found = this.#find(id);
    if (found.state === 'done' || found.state === 'sending' || found.state === 'verifying') return;
    this.#put({ ...found, state: 'waiting', tries: 0, retryNs: null, error: null });
    this.#save();
    this.#start();
  }

  /** Takes a part out of the queue; the recording stays here. Throws upload.unknown. */
  cancel(id: string): void {
    const { path, state } = this.#find(id);
    if (state !== 'done') this.#left.add(path);
    for (const oldest of this.#left) if (this.#left.size > MAX_LEFT) this.#left.delete(oldest);
    this.#uploads = this.#uploads.filter((one) => one.id !== id);
    if (this.#current?.id === id) this.#current.abort.abort();
    this.#changed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#current?.abort.abort();
    this.#wake?.();
    await this.#work;
    await this.#saving;
  }

  /** Whether the queue is another one now. */
  async #queue({ id, name, paths }: Pick<RecordingRow, 'id' | 'name' | 'paths'>): Promise<boolean> {
    const before = this.#uploads;
    for (const [index, path] of paths.entries()) await this.#addFile(id, name, path, index + 1);
    // Renamed, thinned, thrown away: files of earlier names are no part of it.
    this.#uploads = this.#uploads.filter(
      (one) => one.recording !== id || paths.includes(one.path) || one.id === this.#current?.id,
    );
    return before.length !== this.#uploads.length || before.some((one, index) => one !== this.#uploads[index]);
  }

  async #addFile(recording: string, name: string, path: string, part: number): Promise<void> {
    if (path.endsWith('.part') || this.#left.has(path)) return;
    const entry = await stat(path).catch(() => undefined);
    if (!entry) return;
    const known = this.#uploads.find((one) => one.recording === recording && one.path === path);
    // Done, and the same file: never twice.
    if (known && (known.state !== 'done' || known.bytes === entry.size)) return;
    this.#uploads = [
      ...this.#uploads.filter((one) => one !== known),
      {
        id: randomUUID(),
        recording,
        name,
        part,
        path,
        remote: '',
        bytes: entry.size,
        sentBytes: 0,
        state: 'waiting',
        tries: 0,
        retryNs: null,
        sha256: '',
        error: null,
      },
    ];
  }

  #start(): void {
    this.#wake?.();
    if (this.#work || !this.#target || this.#closing.signal.aborted) return;
    this.#work = this.#run().finally(() => {
      this.#work = undefined;
    });
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted && this.#target) {
      if (this.#link !== 'reachable' || this.#isStale) await this.#probe(this.#target);
      const next = this.#link === 'reachable' ? this.#next() : undefined;
      if (next) {
        await this.#send(next, this.#target);
        continue;
      }
      // Asked meanwhile.
      if (this.#isStale) continue;
      const isIdle = !this.#uploads.some(({ state }) => state === 'waiting');
      await this.#pause(isIdle && this.#link === 'reachable' ? this.#idleMs() : this.#waitMs());
      if (isIdle) this.#isStale = true;
    }
  }

  /** While something is recorded it counts whether the server can be reached. */
  #idleMs(): number {
    const isRecording = this.#parts.board.state.recording.state !== 'idle';
    return this.#target?.when === 'offline' && isRecording ? this.#retry.probeMs : this.#retry.probeMs * 4;
  }

  #next(): Upload | undefined {
    const nowNs = this.#parts.clock.nowNs();
    return this.#uploads.find(
      ({ state, retryNs }) => state === 'waiting' && (retryNs === null || BigInt(retryNs) <= nowNs),
    );
  }

  /** Until the first retry is due, or the server is asked again. */
  #waitMs(): number {
    if (this.#link !== 'reachable') return this.#retry.probeMs;
    const nowNs = this.#parts.clock.nowNs();
    const due = this.#uploads.flatMap(({ state, retryNs }) =>
      state === 'waiting' && retryNs !== null ? [Number(BigInt(retryNs) - nowNs) / 1e6] : [],
    );
    return Math.max(1, Math.min(this.#retry.probeMs, ...due));
  }

  async #probe(target: UploadTarget): Promise<void> {
    this.#isStale = false;
    try {
      await this.#dav(target).probe({ signal: this.#closing.signal, silenceMs: this.#retry.silenceMs });
      this.#setLink('reachable');
    } catch (thrown) {
      const { status } = LabError.from(thrown).details;
      this.#setLink(status === 401 ? 'needs-password' : 'unreachable');
    }
  }

  async #send(found: Upload, target: UploadTarget): Promise<void> {
    const abort = new AbortController();
    this.#current = { id: found.id, abort };
    const signal = AbortSignal.any([abort.signal, this.#closing.signal]);
    const dav = this.#dav(target);
    const show = (change: Partial<Upload>): void => {
      const now = this.#uploads.find(({ id }) => id === found.id);
      if (now) this.#put({ ...now, ...change });
    };
    try {
      show({ state: 'sending', sentBytes: 0, tries: found.tries + 1, retryNs: null });
      let shownBytes = 0;
      const onBytes = (sentBytes: number): void => {
        if (sentBytes - shownBytes < found.bytes / 50) return;
        shownBytes = sentBytes;
        show({ sentBytes });
      };
      const { name, bytes, sha256, wasThere } = await placeFile(dav, found.path, basename(found.path), {
        signal,
        silenceMs: this.#retry.silenceMs,
        onBytes,
        onCompare: () => show({ state: 'verifying' }),
        token: found.id.slice(0, 8),
        own: this.#own.get(found.id),
      });
      show({ state: 'verifying', sentBytes: bytes, bytes, sha256, remote: name });
      if (!wasThere) await this.#verify(dav, found.id, name, { bytes, sha256 }, signal);
      // At the last moment there was another server.
      signal.throwIfAborted();
      this.#own.delete(found.id);
      show({ state: 'done', error: null });
      this.#save();
      await this.#tellWhole(found.recording);
    } catch (thrown) {
      this.#failed(found, LabError.from(thrown), signal.aborted);
    } finally {
      this.#current = undefined;
    }
  }

  async #verify(
    dav: Webdav,
    id: string,
    name: string,
    sent: { bytes: number; sha256: string },
    signal: AbortSignal,
  ): Promise<void> {
    const back = await dav.digest(name, { signal, silenceMs: this.#retry.silenceMs });
    if (back.sha256 === sent.sha256) return;
    this.#own.set(id, name);
    throw new LabError(
      'upload.unverified',
      `${name} came back from the server otherwise than it was sent (${back.bytes} of ${sent.bytes} bytes). It is sent again; the recording here is whole.`,
      { name, isFinal: false },
    );
  }

  #failed({ id, tries }: Upload, error: LabError, isEnded: boolean): void {
    const now = this.#uploads.find((one) => one.id === id);
    if (!now) return;
    if (error.isCancelled || isEnded) {
      this.#put({ ...now, state: 'waiting', sentBytes: 0 });
      return;
    }
    const { status, isFinal } = error.details;
    if (status === 0) this.#setLink('unreachable');
    if (status === 401) this.#setLink('needs-password');
    const waitMs = Math.min(this.#retry.mostMs, this.#retry.firstMs * 2 ** Math.min(20, tries));
    const retryNs = String(this.#parts.clock.nowNs() + BigInt(Math.round(waitMs * 1e6)));
    // What nobody foresaw would be the same the next time.
    const isOver = isFinal === true || error.code === 'internal.failed';
    this.#put({
      ...now,
      state: isOver ? 'failed' : 'waiting',
      sentBytes: 0,
      retryNs: isOver ? null : retryNs,
      error: error.toJSON(),
    });
    if (isOver)
      this.#parts.events.add({
        kind: 'status',
        severity: 'error',
        text: `Upload of ${basename(now.path)}: ${error.message}`,
      });
    this.#save();
  }

  async #tellWhole(recording: string): Promise<void> {
    const row = await this.#parts.row(recording).catch(() => undefined);
    if (row) await this.#tell(row);
  }

  /** Only one that has ended, and of whose files as they are now each is there. */
  async #tell({ id, state, paths, uploaded }: UploadedRow): Promise<void> {
    if (state === 'recording' || paths.length === 0 || !this.#target) return;
    const own = new Map(
      this.#uploads.filter((one) => one.recording === id && one.state === 'done').map((one) => [one.path, one]),
    );
    if (!paths.every((path) => own.has(path))) return;
    for (const path of paths) {
      const bytes = (await stat(path).catch(() => undefined))?.size;
      if (bytes === undefined || own.get(path)?.bytes !== bytes) return;
    }
    if (!this.#target) return;
    const where = whereUploaded(
      this.#target.url,
      paths.flatMap((path) => own.get(path) ?? []),
    );
    if (this.#wanted.delete(id)) {
      if (this.#trim()) this.#show();
      this.#save();
    }
    if (uploaded !== where) this.#parts.uploaded(id, where);
  }

  #dav({ url, user }: UploadTarget): Webdav {
    return new Webdav({ url, user, password: this.#password });
  }

  #find(id: string): Upload {
    const found = this.#uploads.find((one) => one.id === id);
    if (!found) throw new LabError('upload.unknown', 'That upload is no longer in the queue.', { id });
    return found;
  }

  /** Screens are told of this one alone. */
  #put(changed: Upload): void {
    this.#uploads = this.#uploads.map((one) => (one.id === changed.id ? changed : one));
    this.#parts.board.publish('upload.progressed', { link: this.#link, part: changed });
  }

  #setLink(link: UploadState['link']): void {
    if (link === this.#link) return;
    this.#link = link;
    this.#parts.board.publish('upload.progressed', { link, part: null });
  }

  async #pause(ms: number): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    if (this.#closing.signal.aborted) woken.abort();
    await delay(this.#parts.clock, ms, woken.signal).catch(() => undefined);
    this.#wake = undefined;
  }

  /** Parts came or went, or the server is another one. */
  #changed(): void {
    this.#trim();
    this.#show();
    this.#save();
  }

  /** A tenth more is let be, so that screens are not told of every one that goes. Whether one went. */
  #trim(): boolean {
    const { maxDone = MAX_DONE } = this.#parts;
    const before = this.#uploads.length;
    if (before > maxDone * 1.1) this.#uploads = trimDone(this.#uploads, maxDone, this.#wanted);
    return this.#uploads.length < before;
  }

  /** What must outlive the engine has changed. */
  #save(): void {
    if (!this.#mayWrite) return;
    const { path, events } = this.#parts;
    const { target, uploads } = this.state;
    const queue = { target, uploads, wanted: [...this.#wanted], left: [...this.#left] };
    this.#saving = this.#saving
      .then(() => writeQueue(path, queue))
      .catch((error: unknown) => {
        events.add({
          kind: 'status',
          severity: 'warning',
          text: `The queue of uploads cannot be kept (${error}). It goes on in memory.`,
        });
      });
  }

  #show(): void {
    this.#parts.board.publish('upload.changed', { upload: this.state });
  }
}
