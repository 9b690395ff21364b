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
import { readQueue, writeQueue } from './upload-queue.ts';
import { Webdav } from './webdav.ts';

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
  /** Every part of it is there and verified. */
  uploaded(recording: string, url: string): void;
  retry?: Partial<UploadRetry> | undefined;
}

export interface UploadRetry {
  /** Wait before the second try, doubled up to the most; ms. */
  firstMs: number;
  mostMs: number;
  /** Where the server answers is asked that often while parts wait; ms. */
  probeMs: number;
}

const RETRY: UploadRetry = { firstMs: 5000, mostMs: 10 * 60_000, probeMs: 30_000 };
const SECRET = 'upload';

/**
 * Finished parts on their way to a server, one after the other: sent, read back, compared; only then done. The queue outlives the engine. What is done is never sent again while the file is the same.
 *
 *     waiting ──→ sending ──→ verifying ──→ done
 *        ▲           │            │  another sum: sent again
 *        └── back-off ┴───────────┘
 *                    └── the server will never take it ──→ failed ── retry() ──→ waiting
 */
export class UploadDesk implements AsyncDisposable {
  readonly #parts: UploadDeskParts;
  readonly #retry: UploadRetry;
  readonly #closing = new AbortController();
  #target: UploadTarget | null = null;
  #password: string | undefined;
  #link: UploadState['link'] = 'off';
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

  /** Recordings made now are made while the server cannot be reached. */
  get isOffline(): boolean {
    return this.#target !== null && this.#link !== 'reachable';
  }

  /** Goes on with the queue of last time. */
  async open(): Promise<void> {
    const { target, uploads } = await readQueue(this.#parts.path);
    this.#target = target;
    this.#uploads = uploads;
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

  /** Puts the parts of a recording into the queue that are not done. Throws upload.failed without a target. */
  async add({ id, name, paths }: Pick<RecordingRow, 'id' | 'name' | 'paths'>): Promise<UploadState> {
    if (!this.#target) {
      throw new LabError(
        'upload.failed',
        'No server is set for recordings. Set one in Settings; the recording is here, whole.',
      );
    }
    for (const [index, path] of paths.entries()) await this.#addPart(id, name, path, index + 1);
    this.#changed();
    this.#start();
    return this.state;
  }

  /** One finished part of the recording that runs. */
  async addPart(recording: string, name: string, path: string, part: number): Promise<void> {
    await this.#addPart(recording, name, path, part);
    this.#changed();
    this.#start();
  }

  /** Tries now. Throws upload.unknown. */
  retry(id: string): void {
    const found = this.#find(id);
    if (found.state === 'done' || found.state === 'sending' || found.state === 'verifying') return;
    this.#put({ ...found, state: 'waiting', tries: 0, retryNs: null, error: null });
    this.#changed();
    this.#start();
  }

  /** Takes a part out of the queue; the recording stays here. Throws upload.unknown. */
  cancel(id: string): void {
    this.#find(id);
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

  async #addPart(recording: string, name: string, path: string, part: number): Promise<void> {
    if (path.endsWith('.part')) return;
    const entry = await stat(path).catch(() => undefined);
    if (!entry) return;
    const known = this.#uploads.find((one) => one.recording === recording && one.part === part);
    // Done, and the same file: never twice.
    if (known?.state === 'done' && known.bytes === entry.size && known.path === path) return;
    if (known && known.state !== 'done' && known.path === path) return;
    if (known) this.#uploads = this.#uploads.filter((one) => one !== known);
    this.#uploads = [
      ...this.#uploads,
      {
        id: randomUUID(),
        recording,
        name,
        part,
        path,
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
      if (this.#link !== 'reachable') await this.#probe(this.#target);
      const next = this.#link === 'reachable' ? this.#next() : undefined;
      if (next) {
        await this.#send(next, this.#target);
        continue;
      }
      const isIdle = !this.#uploads.some(({ state }) => state === 'waiting');
      await this.#pause(isIdle && this.#link === 'reachable' ? this.#retry.probeMs * 4 : this.#waitMs());
      if (isIdle) this.#setLink(this.#link === 'reachable' ? 'unknown' : this.#link);
    }
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
    try {
      await this.#dav(target).probe({ signal: this.#closing.signal });
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
    const name = basename(found.path);
    const show = (change: Partial<Upload>): void => {
      const now = this.#uploads.find(({ id }) => id === found.id);
      if (now) this.#put({ ...now, ...change });
      this.#show();
    };
    try {
      show({ state: 'sending', sentBytes: 0, tries: found.tries + 1, retryNs: null });
      let shownBytes = 0;
      const onBytes = (sentBytes: number): void => {
        if (sentBytes - shownBytes < found.bytes / 50) return;
        shownBytes = sentBytes;
        show({ sentBytes });
      };
      const sent = await dav.put(found.path, name, { signal, onBytes });
      show({ state: 'verifying', sentBytes: sent.bytes, bytes: sent.bytes, sha256: sent.sha256 });
      const back = await dav.digest(name, { signal });
      if (back.sha256 !== sent.sha256) {
        throw new LabError(
          'upload.unverified',
          `${name} came back from the server otherwise than it was sent (${back.bytes} of ${sent.bytes} bytes). It is sent again; the recording here is whole.`,
          { name, isFinal: false },
        );
      }
      show({ state: 'done', error: null });
      this.#changed();
      this.#tellWhole(found.recording, target.url);
    } catch (thrown) {
      this.#failed(found, LabError.from(thrown));
    } finally {
      this.#current = undefined;
    }
  }

  #failed({ id, tries }: Upload, error: LabError): void {
    const now = this.#uploads.find((one) => one.id === id);
    if (!now) return;
    if (error.isCancelled) {
      this.#put({ ...now, state: 'waiting', sentBytes: 0 });
      return;
    }
    const { status, isFinal } = error.details;
    if (status === 0) this.#setLink('unreachable');
    if (status === 401) this.#setLink('needs-password');
    const isGone = error.code === 'internal.failed';
    const waitMs = Math.min(this.#retry.mostMs, this.#retry.firstMs * 2 ** Math.min(20, tries));
    const retryNs = String(this.#parts.clock.nowNs() + BigInt(Math.round(waitMs * 1e6)));
    const isOver = isFinal === true || isGone;
    const told = isGone
      ? new LabError(
          'upload.failed',
          `${now.path} cannot be read (${error.message}). It was not sent; look for the file.`,
          { isFinal: true },
        )
      : error;
    this.#put({
      ...now,
      state: isOver ? 'failed' : 'waiting',
      sentBytes: 0,
      retryNs: isOver ? null : retryNs,
      error: told.toJSON(),
    });
    if (isOver)
      this.#parts.events.add({
        kind: 'status',
        severity: 'error',
        text: `Upload of ${basename(now.path)}: ${told.message}`,
      });
    this.#changed();
  }

  #tellWhole(recording: string, url: string): void {
    if (this.#uploads.every((one) => one.recording !== recording || one.state === 'done'))
      this.#parts.uploaded(recording, url);
  }

  #dav({ url, user }: UploadTarget): Webdav {
    return new Webdav({ url, user, password: this.#password });
  }

  #find(id: string): Upload {
    const found = this.#uploads.find((one) => one.id === id);
    if (!found) throw new LabError('upload.unknown', 'That upload is no longer in the queue.', { id });
    return found;
  }

  #put(changed: Upload): void {
    this.#uploads = this.#uploads.map((one) => (one.id === changed.id ? changed : one));
  }

  #setLink(link: UploadState['link']): void {
    if (link === this.#link) return;
    this.#link = link;
    this.#show();
  }

  async #pause(ms: number): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    if (this.#closing.signal.aborted) woken.abort();
    await delay(this.#parts.clock, ms, woken.signal).catch(() => undefined);
    this.#wake = undefined;
  }

  /** What must outlive the engine has changed. */
  #changed(): void {
    this.#show();
    const { path, events } = this.#parts;
    const { target, uploads } = this.state;
    this.#saving = this.#saving
      .then(() => writeQueue(path, { target, uploads }))
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
