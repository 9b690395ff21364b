import { VisaAttributes } from './visa-attributes.ts';
import { loadVisaLibrary, type VisaLibrary } from './visa-library.ts';
import type { VisaCall, VisaValue } from './visa-messages.ts';
import { isVisaError, VISA_ERROR, VISA_SUCCESS_MAX_COUNT, VISA_SUCCESS_TERM_CHAR } from './visa-status.ts';

/** Attributes of VPP-4.3 used here. */
const ATTRIBUTE = { sendEnd: 0x3fff0016, termChar: 0x3fff0018, timeout: 0x3fff001a, termCharOn: 0x3fff0038 } as const;
/** VI_EXCLUSIVE_LOCK, VI_SHARED_LOCK. */
const LOCK = { exclusive: 1, shared: 2 } as const;
/** A message with one is a question: what follows it is a read. */
const QUESTION_MARK = 0x3f;
const NAME_BYTES = 256;
/** What one viRead is asked for at most. */
const READ_BYTES = 65_536;

/** The library refused. */
export class VisaFailure extends Error {
  readonly status: number | undefined;

  constructor(status: number | undefined, text: string) {
    super(text);
    this.status = status;
  }
}

interface OpenSession {
  buffer: Uint8Array;
  attributes: VisaAttributes;
  /** The timeouts last asked for: the library has one for both directions, and the other one is set beforehand. */
  readMs: number | undefined;
  writeMs: number | undefined;
  isStopped: boolean;
}

/** Carries out requests with the library. Calls of one session may overlap (a clear while a read waits); the library sorts them. */
export class VisaDesk {
  #library: VisaLibrary | undefined;
  #manager = 0;
  readonly #sessions = new Map<number, OpenSession>();

  /** Throws VisaFailure. */
  async carryOut(request: VisaCall): Promise<VisaValue> {
    switch (request.call) {
      case 'load':
        return this.#load(request.libraries);
      case 'find':
        return { resources: await this.#find(request.expression, request.limit) };
      case 'open':
        return this.#open(request.resource, request.timeoutMs);
      case 'read':
        return this.#read(request);
      case 'stop':
        this.#session(request.session).isStopped = true;
        return {};
      case 'write':
        return this.#write(request);
      case 'lock':
        return this.#lock(request);
      case 'close':
        return this.#close(request.session);
      case 'clear':
        return this.#plain(this.#need().clear(request.session));
      case 'trigger':
        // VI_TRIG_PROT_DEFAULT.
        return this.#plain(this.#need().assertTrigger(request.session, 0));
      case 'statusByte': {
        const status = [0];
        await this.#plain(this.#need().readStb(request.session, status));
        return { statusByte: (status[0] ?? 0) & 0xff };
      }
      case 'remote':
        return this.#plain(this.#need().gpibControlRen(request.session, request.mode));
      case 'unlock':
        return this.#plain(this.#need().unlock(request.session));
    }
  }

  async #load(paths: readonly string[]): Promise<VisaValue> {
    if (!this.#library) {
      let library: VisaLibrary;
      try {
        library = loadVisaLibrary(paths);
      } catch (error) {
        throw new VisaFailure(undefined, error instanceof Error ? error.message : String(error));
      }
      const manager = [0];
      const status = await library.openDefaultRm(manager);
      if (isVisaError(status)) throw new VisaFailure(status, `${library.path} cannot open its resource manager`);
      this.#library = library;
      this.#manager = manager[0] ?? 0;
    }
    return { library: this.#library.path };
  }

  async #find(expression: string, limit: number): Promise<string[]> {
    const library = this.#need();
    const list = [0];
    const count = [0];
    const name = new Uint8Array(NAME_BYTES);
    const status = await library.findRsrc(this.#manager, expression, list, count, name);
    if (status >>> 0 === VISA_ERROR.notFound) return [];
    await this.#check(status);
    const found = [textOf(name)];
    try {
      while (found.length < Math.min(limit, count[0] ?? 0)) {
        await this.#check(await library.findNext(list[0] ?? 0, name));
        found.push(textOf(name));
      }
    } finally {
      await library.close(list[0] ?? 0);
    }
    return found;
  }

  async #open(resource: string, timeoutMs: number): Promise<VisaValue> {
    const session = [0];
    // VI_NO_LOCK.
    await this.#check(await this.#need().open(this.#manager, resource, 0, timeoutMs, session));
    const id = session[0] ?? 0;
    const attributes = new VisaAttributes((attribute, state) => this.#need().setAttribute(id, attribute, state));
    const buffer = new Uint8Array(READ_BYTES);
    this.#sessions.set(id, { buffer, attributes, readMs: undefined, writeMs: undefined, isStopped: false });
    return { session: id };
  }

  async #close(id: number): Promise<VisaValue> {
    const session = this.#sessions.get(id);
    this.#sessions.delete(id);
    // Its number may soon be that of another.
    await session?.attributes.settled();
    return this.#plain(this.#need().close(id));
  }

  /**
   * The library cannot be asked to give up, so it waits in slices; bytes that came before a slice ended are kept. Reads of one session follow each
   * other: the caller waits for the last one it stopped.
   */
  async #read({ session: id, max, termChar, sliceMs }: Extract<VisaCall, { call: 'read' }>): Promise<VisaValue> {
    const library = this.#need();
    const session = this.#session(id);
    session.isStopped = false;
    session.readMs = sliceMs;
    await this.#set(id, session, ATTRIBUTE.termCharOn, termChar === undefined ? 0 : 1);
    if (termChar !== undefined) await this.#set(id, session, ATTRIBUTE.termChar, termChar);
    const got = [0];
    for (;;) {
      // A write meanwhile has set its own.
      await this.#set(id, session, ATTRIBUTE.timeout, sliceMs);
      const status = await library.read(id, session.buffer, Math.min(max, READ_BYTES), got);
      const count = got[0] ?? 0;
      const isTimeout = status >>> 0 === VISA_ERROR.timeout;
      if (!isTimeout) await this.#check(status);
      if (count > 0 || !isTimeout) {
        const bytes = session.buffer.slice(0, count);
        if (isTimeout || status === VISA_SUCCESS_MAX_COUNT) return { bytes, ended: 'count' };
        if (status === VISA_SUCCESS_TERM_CHAR) return { bytes, ended: 'term-char' };
        session.attributes.foresee(ATTRIBUTE.timeout, session.writeMs);
        return { bytes, ended: 'end' };
      }
      if (session.isStopped) return { ended: 'stopped' };
    }
  }

  async #write(request: Extract<VisaCall, { call: 'write' }>): Promise<VisaValue> {
    const { session: id, bytes, end, timeoutMs } = request;
    const library = this.#need();
    const session = this.#session(id);
    session.writeMs = timeoutMs;
    await this.#set(id, session, ATTRIBUTE.timeout, timeoutMs);
    await this.#set(id, session, ATTRIBUTE.sendEnd, end ? 1 : 0);
    let { tries } = request;
    for (let at = 0; at < bytes.length || at === 0; ) {
      const written = [0];
      const status = await library.write(id, bytes.subarray(at), bytes.length - at, written);
      at += written[0] ?? 0;
      if (status >>> 0 === VISA_ERROR.timeout && --tries > 0) continue;
      await this.#check(status);
      if ((written[0] ?? 0) === 0) break;
    }
    if (end && bytes.includes(QUESTION_MARK)) session.attributes.foresee(ATTRIBUTE.timeout, session.readMs);
    return {};
  }

  async #lock({ session, timeoutMs, sharedKey }: Extract<VisaCall, { call: 'lock' }>): Promise<VisaValue> {
    const type = sharedKey === undefined ? LOCK.exclusive : LOCK.shared;
    const granted = sharedKey === undefined ? null : new Uint8Array(NAME_BYTES);
    return this.#plain(this.#need().lock(session, type, timeoutMs, sharedKey ?? null, granted));
  }

  /**
   * Not every interface has every attribute; then it does not need it. Throws if the session was closed meanwhile: its number may have become that of
   * another.
   */
  async #set(id: number, session: OpenSession, attribute: number, state: number): Promise<void> {
    await session.attributes.set(attribute, state);
    if (this.#sessions.get(id) !== session) throw noSession();
  }

  async #plain(status: Promise<number>): Promise<VisaValue> {
    await this.#check(await status);
    return {};
  }

  async #check(status: number): Promise<void> {
    if (!isVisaError(status)) return;
    const text = new Uint8Array(NAME_BYTES);
    await this.#library?.statusDesc(this.#manager, status, text);
    throw new VisaFailure(status, textOf(text));
  }

  #need(): VisaLibrary {
    if (!this.#library) throw new VisaFailure(undefined, 'no library is loaded');
    return this.#library;
  }

  #session(id: number): OpenSession {
    const session = this.#sessions.get(id);
    if (!session) throw noSession();
    return session;
  }
}

function noSession(): VisaFailure {
  return new VisaFailure(VISA_ERROR.invalidObject, 'no such session');
}

function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('latin1');
}
