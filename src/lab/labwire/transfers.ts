import { createDeferred, type Deferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import { FRAME_FLAG, type LabwireFrame } from '../../protocol/lab/labwire-frame.ts';
import type { LabwireMessage, LabwireTransfer } from '../../protocol/lab/labwire-messages.ts';
import { type Ask, refused } from './equipment-control.ts';

/** What was transferred, whole. */
export interface Transferred {
  bytes: Uint8Array<ArrayBuffer>;
  mediaType: string;
  /** For a file: without any path. */
  name: string;
  /** What is needed to read it, by its kind. */
  about: Readonly<Record<string, unknown>>;
}

interface Incoming {
  id: string;
  into: Uint8Array<ArrayBuffer>;
  at: number;
  handle: number;
  started: LabwireTransfer;
  done: Deferred<void>;
  /** All of it came, or it failed; it stays until who asked has taken it. */
  isOver: boolean;
  /** A `fetch` waits for its end. */
  isAwaited: boolean;
}

/** Until it begins; ms. Taking a picture takes an instrument its time. */
const START_MS = 30_000;

/**
 * Large things a server sends piece by piece (CHUNK), put together here. A connection that breaks costs nothing: the next one goes on at the byte that is missing.
 */
export class Transfers {
  readonly #ask: Ask;
  readonly #say: (message: Record<string, unknown>) => boolean;
  readonly #maxBytes: number;
  readonly #byId = new Map<string, Incoming>();
  readonly #byHandle = new Map<number, Incoming>();
  /** Connections that ended: a question that failed over that is asked anew on the next one. */
  #ended = 0;

  constructor(ask: Ask, say: (message: Record<string, unknown>) => boolean, maxBytes = 256 * 1024 * 1024) {
    this.#ask = ask;
    this.#say = say;
    this.#maxBytes = maxBytes;
  }

  /** Throws what `refused` gives, server.malformed, server.closed, server.timeout, call.cancelled. */
  async fetch(wanted: Record<string, unknown>, signal: AbortSignal): Promise<Transferred> {
    const answer = await this.#ask({ type: 'start_transfer', wanted }, { timeoutMs: START_MS, signal });
    if (answer.type !== 'transfer_started') throw refused(answer, '', 'start_transfer');
    const incoming = this.#byId.get(answer.transfer);
    if (!incoming) throw malformed(`it has ${answer.bytes} bytes, ${this.#maxBytes} are taken at most`);
    incoming.isAwaited = true;
    const onAbort = (): void => this.#fail(incoming, LabError.from(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      await incoming.done.promise;
    } finally {
      this.#byId.delete(incoming.id);
      signal.removeEventListener('abort', onAbort);
    }
    const { into: bytes, started } = incoming;
    return { bytes, mediaType: started.media_type, name: started.name, about: started.about };
  }

  /** At once as it is heard: its first piece may stand right behind it. */
  heard(message: LabwireMessage): void {
    if (message.type === 'transfer_started') this.#started(message);
    else if (message.type === 'transfer_stopped') {
      const incoming = this.#byId.get(message.transfer);
      if (incoming)
        this.#fail(
          incoming,
          new LabError(
            'server.rejected',
            `The lab server ended a transfer at byte ${message.offset}: ${message.reason || 'it gives no reason'}. What came is no whole; ask again.`,
            { code: message.code },
          ),
        );
    }
  }

  /** Nobody asked any more when it was answered. What is fetched goes on all the same: the answer to going on with it may come late. */
  unasked(message: LabwireMessage): void {
    if (message.type !== 'transfer_started') return;
    const incoming = this.#byId.get(message.transfer);
    if (!incoming || incoming.isAwaited) return;
    this.#end(incoming);
    this.#byId.delete(incoming.id);
  }

  /** A piece. Throws protocol.malformed where it does not follow the one before; the transfer is given up then. */
  chunk({ handle, seq, flags, payload }: LabwireFrame): void {
    const incoming = this.#byHandle.get(handle);
    if (!incoming) return;
    const { into, at } = incoming;
    if (seq !== at || at + payload.length > into.length) {
      const error = malformed(`bytes ${seq} to ${seq + payload.length} came where ${at} was next of ${into.length}`);
      this.#fail(incoming, error);
      throw error;
    }
    into.set(payload, at);
    incoming.at += payload.length;
    if ((flags & FRAME_FLAG.last) === 0) return;
    if (incoming.at < into.length)
      this.#fail(incoming, malformed(`it ended after ${incoming.at} of ${into.length} bytes`));
    else {
      this.#end(incoming);
      incoming.done.resolve();
    }
  }

  /** The connection ended: handles were those of it. */
  disconnected(): void {
    this.#ended++;
    this.#byHandle.clear();
  }

  /** A new connection is ready: what was under way goes on. Fails what the server refuses to go on with, or gives no answer to while the connection stands. */
  again(): void {
    const ended = this.#ended;
    for (const incoming of this.#byId.values()) {
      const { id, at } = incoming;
      if (incoming.isOver) continue;
      this.#ask({ type: 'start_transfer', transfer: id, offset: at }, { timeoutMs: START_MS }).then(
        (answer) => {
          if (answer.type !== 'transfer_started') this.#fail(incoming, refused(answer, '', 'start_transfer'));
        },
        (thrown: unknown) => {
          // Lost again: the next connection asks anew. Else nobody would.
          if (this.#ended === ended) this.#fail(incoming, LabError.from(thrown));
        },
      );
    }
  }

  close(error: LabError): void {
    for (const incoming of [...this.#byId.values()]) this.#fail(incoming, error);
  }

  #started(started: LabwireTransfer): void {
    const { transfer: id, handle, offset, bytes } = started;
    const known = this.#byId.get(id);
    if (known) {
      if (offset !== known.at || bytes !== known.into.length) {
        this.#fail(known, malformed(`it goes on at byte ${offset} of ${bytes}, ${known.at} was asked for`));
        return;
      }
      this.#byHandle.delete(known.handle);
      known.handle = handle;
      this.#byHandle.set(handle, known);
      return;
    }
    if (bytes > this.#maxBytes || offset !== 0) {
      this.#say({ type: 'stop_transfer', transfer: id });
      return;
    }
    const done = createDeferred<void>();
    // Whoever asked may be gone: then its end is nobody's business.
    done.promise.catch(() => undefined);
    const incoming = { id, into: new Uint8Array(bytes), at: 0, handle, started, done, isOver: false, isAwaited: false };
    this.#byId.set(id, incoming);
    this.#byHandle.set(handle, incoming);
  }

  /** The server need not keep it any more. */
  #end(incoming: Incoming): void {
    incoming.isOver = true;
    this.#byHandle.delete(incoming.handle);
    this.#say({ type: 'stop_transfer', transfer: incoming.id });
  }

  #fail(incoming: Incoming, error: LabError): void {
    if (incoming.isOver) return;
    this.#end(incoming);
    incoming.done.reject(error);
  }
}

function malformed(what: string): LabError {
  return new LabError(
    'server.malformed',
    `A transfer of the lab server cannot be put together: ${what}. It was given up; ask again.`,
  );
}
