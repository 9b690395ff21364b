import { VisaAttributes } from './visa-attributes.ts';
import { checkStatus, noSession } from './visa-failure.ts';
import type { VisaLibrary } from './visa-library.ts';
import type { VisaRead, VisaValue, VisaWrite } from './visa-messages.ts';
import { isVisaError, VISA_ERROR, VISA_SUCCESS_MAX_COUNT, VISA_SUCCESS_TERM_CHAR } from './visa-status.ts';

/** Attributes of VPP-4.3 used here. */
const ATTRIBUTE = { sendEnd: 0x3fff0016, termChar: 0x3fff0018, timeout: 0x3fff001a, termCharOn: 0x3fff0038 } as const;
/** A message with one is a question: what follows it is a read. */
const QUESTION_MARK = 0x3f;
/** What one viRead is asked for at most. */
const READ_BYTES = 65_536;

type ReadOptions = Pick<VisaRead, 'max' | 'termChar' | 'sliceMs'>;
type Message = Pick<VisaWrite, 'bytes' | 'end' | 'timeoutMs' | 'tries'>;

/** The bytes of one session of the library. A read and a write may be under way together; the library sorts them. */
export class VisaSession {
  /** For a read that waits until a write has ended: it need not begin. */
  onStop: (() => void) | undefined;
  readonly #library: VisaLibrary;
  readonly #manager: number;
  readonly #id: number;
  readonly #attributes: VisaAttributes;
  readonly #buffer = new Uint8Array(READ_BYTES);
  /** The timeouts last asked for: the library has one for both directions, and the other one is set beforehand. */
  #readMs: number | undefined;
  #writeMs: number | undefined;
  #isStopped = false;
  #isClosed = false;

  constructor(library: VisaLibrary, manager: number, id: number) {
    this.#library = library;
    this.#manager = manager;
    this.#id = id;
    this.#attributes = new VisaAttributes((attribute, state) => library.setAttribute(id, attribute, state));
  }

  /**
   * The library cannot be asked to give up, so it waits in slices; bytes that came before a slice ended are kept. Reads of one session follow each
   * other: the caller waits for the last one it stopped. Throws VisaFailure.
   */
  async read({ max, termChar, sliceMs }: ReadOptions): Promise<VisaValue> {
    this.#isStopped = false;
    this.#readMs = sliceMs;
    await this.#set(ATTRIBUTE.termCharOn, termChar === undefined ? 0 : 1);
    if (termChar !== undefined) await this.#set(ATTRIBUTE.termChar, termChar);
    const got = [0];
    for (;;) {
      // A write meanwhile has set its own.
      await this.#set(ATTRIBUTE.timeout, sliceMs);
      const status = await this.#library.read(this.#id, this.#buffer, Math.min(max, READ_BYTES), got);
      const count = got[0] ?? 0;
      const isTimeout = status >>> 0 === VISA_ERROR.timeout;
      if (!isTimeout && isVisaError(status)) await this.#check(status);
      if (count > 0 || !isTimeout) {
        const bytes = this.#buffer.slice(0, count);
        if (isTimeout || status === VISA_SUCCESS_MAX_COUNT) return { bytes, ended: 'count' };
        if (status === VISA_SUCCESS_TERM_CHAR) return { bytes, ended: 'term-char' };
        this.#attributes.foresee(ATTRIBUTE.timeout, this.#writeMs);
        return { bytes, ended: 'end' };
      }
      if (this.#isStopped) return { ended: 'stopped' };
    }
  }

  /** Throws VisaFailure; a part of the message may have been taken then. */
  async write({ bytes, end, timeoutMs, tries }: Message): Promise<void> {
    this.#writeMs = timeoutMs;
    await this.#set(ATTRIBUTE.timeout, timeoutMs);
    await this.#set(ATTRIBUTE.sendEnd, end ? 1 : 0);
    let left = tries;
    for (let at = 0; at < bytes.length || at === 0; ) {
      const written = [0];
      const status = await this.#library.write(this.#id, bytes.subarray(at), bytes.length - at, written);
      at += written[0] ?? 0;
      if (status >>> 0 === VISA_ERROR.timeout && --left > 0) continue;
      if (isVisaError(status)) await this.#check(status);
      if ((written[0] ?? 0) === 0) break;
    }
    if (end && bytes.includes(QUESTION_MARK)) this.#attributes.foresee(ATTRIBUTE.timeout, this.#readMs);
  }

  /** No more slices for the read that waits. */
  stop(): void {
    this.#isStopped = true;
    this.onStop?.();
  }

  /** Resolves when nothing of it is being set: its number may soon be that of another. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#attributes.settled();
  }

  /**
   * Not every interface has every attribute; then it does not need it. Throws if the session was closed meanwhile: its number may have become that of
   * another.
   */
  async #set(attribute: number, state: number): Promise<void> {
    await this.#attributes.set(attribute, state);
    if (this.#isClosed) throw noSession();
  }

  #check(status: number): Promise<void> {
    return checkStatus(this.#library, this.#manager, status);
  }
}
