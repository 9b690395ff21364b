import type { Clock } from '../../../core/clock.ts';
import { cancellation } from '../../transport/read-buffer.ts';
import type { ReadOptions, ReadResult, Transport, WriteOptions } from '../../transport/transport.ts';

/** Knows what follows what in a dialect. Text here has one character a byte (ISO 8859-1). */
export interface ReplyFramer {
  /** A message goes out (without its end). The promise is what its being taken waits for: an acknowledgement. */
  sent(message: string): Promise<void> | undefined;
  /** What came, on to the session: replies ended by LF; what belongs to nothing as it is. */
  push(text: string): string;
  /** So much silence ends what is half there; undefined: it does not. */
  readonly silenceMs: number | undefined;
  /** There was so much silence: what is given on. */
  silence(): string;
}

/**
 * A way whose replies are put into lines:
 *
 *     session ── 'VSET1?' ──▶ framer.sent ──▶ way
 *             ◀─ '12.00\n' ── framer.push ◀── '12.00'
 *
 * Opened again it begins anew: nothing of the old connection is waited for.
 */
export function frameTransport(inner: Transport, framer: ReplyFramer, clock: Clock): Transport {
  let ready = new Uint8Array(0);

  /** Undefined: nothing came for so long. */
  async function receive(signal: AbortSignal | undefined, silenceMs: number | undefined): Promise<string | undefined> {
    if (silenceMs === undefined) return latin1((await inner.read(signal ? { signal } : {})).bytes);
    const quiet = new AbortController();
    const timer = clock.after(silenceMs, () => quiet.abort());
    try {
      const both = signal ? AbortSignal.any([signal, quiet.signal]) : quiet.signal;
      return latin1((await inner.read({ signal: both })).bytes);
    } catch (error) {
      if (quiet.signal.aborted && !signal?.aborted) return undefined;
      throw error;
    } finally {
      timer[Symbol.dispose]();
    }
  }

  return {
    resource: inner.resource,
    closed: inner.closed,
    ...(inner.control ? { control: inner.control } : {}),
    async write(bytes: Uint8Array, options: WriteOptions = {}): Promise<void> {
      const taken = framer.sent(latin1(bytes).replace(/[\r\n]+$/, ''));
      await inner.write(bytes, options);
      if (taken) await orAborted(taken, options.signal);
    },
    async read({ max = Number.POSITIVE_INFINITY, termChar, signal }: ReadOptions = {}): Promise<ReadResult> {
      while (ready.length === 0) {
        const text = await receive(signal, framer.silenceMs);
        ready = Buffer.from(text === undefined ? framer.silence() : framer.push(text), 'latin1');
      }
      const end = termChar === undefined ? -1 : ready.indexOf(termChar);
      const size = Math.min(end < 0 ? ready.length : end + 1, max);
      const bytes = ready.subarray(0, size);
      ready = ready.subarray(size);
      return { bytes, end: false };
    },
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

async function orAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return promise;
  if (signal.aborted) throw cancellation(signal);
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(cancellation(signal));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
