import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import { FATAL, HISLIP } from '../../protocol/hislip.ts';
import { HislipDecoder, type HislipDecoderOptions, type HislipEvent } from '../../protocol/hislip-decoder.ts';
import { encodeHislip, HISLIP_HEADER_BYTES, writeHislipHeader } from '../../protocol/hislip-header.ts';

/** Payloads up to here are copied behind their header: one packet instead of two. */
const JOINED_BYTES = 4096;

/** How long a client may take to end a connection whose fatal error it was told. */
const LINGER_MS = 1000;

/** The server's end of one HiSLIP channel: messages are pulled, so that what is not handled yet waits in the client. */
export class HislipPipe {
  readonly #decoder: HislipDecoder;
  #stream: Socket | TLSSocket;
  #events: HislipEvent[] = [];
  #wake: () => void = () => {};
  #isClosed = false;
  #isFailing = false;
  readonly #onClosed: (() => void)[] = [];

  constructor(socket: Socket, options: HislipDecoderOptions) {
    // Behind these two the client speaks TLS, perhaps in the same segment.
    this.#decoder = new HislipDecoder({ ...options, haltAfter: [HISLIP.startTls, HISLIP.asyncStartTls] });
    this.#stream = socket;
    this.#listen();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isSecure(): boolean {
    return this.#stream instanceof TLSSocket;
  }

  onClosed(listener: () => void): void {
    if (this.#isClosed) listener();
    else this.#onClosed.push(listener);
  }

  /** The next message or piece; undefined when the client has gone. Throws `protocol.malformed`. */
  async next(): Promise<HislipEvent | undefined> {
    for (;;) {
      if (this.#isFailing) return undefined;
      const event = this.#events.shift();
      if (event) return event;
      const chunk: Buffer | null = this.#decoder.isHalted ? null : this.#stream.read();
      // Plain bytes: `slice` of a Buffer does not copy.
      if (chunk) this.#events = this.#decoder.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
      else if (this.#isClosed || this.#stream.readableEnded) return undefined;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Resolves when the system has taken it, or the client has gone. */
  send(type: number, control = 0, parameter = 0, payload?: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isClosed || this.#stream.destroyed) {
        resolve();
        return;
      }
      if (payload && payload.length > JOINED_BYTES) {
        const head = new Uint8Array(HISLIP_HEADER_BYTES);
        writeHislipHeader(head, { type, control, parameter, payloadBytes: payload.length });
        this.#stream.cork();
        this.#stream.write(head);
        this.#stream.write(payload, () => resolve());
        this.#stream.uncork();
      } else this.#stream.write(encodeHislip(type, control, parameter, payload), () => resolve());
    });
  }

  /** IVI-6.1 6.2: says why, then ends the channel. */
  fail(code: number, text: string): void {
    if (this.#isClosed || this.#isFailing) return;
    void this.send(HISLIP.fatalError, code, 0, Buffer.from(text));
    this.#isFailing = true;
    this.#stream.end();
    // Unread bytes would make the system reset the connection, and the reason would be lost.
    this.#stream.removeAllListeners('readable');
    this.#stream.resume();
    const timer = setTimeout(() => this.#stream.destroy(), LINGER_MS);
    this.#stream.once('close', () => clearTimeout(timer));
    this.#wake();
  }

  /** After a StartTLS that was refused: reads on without TLS. */
  goOn(): void {
    const rest = this.#decoder.takeRest();
    if (rest.length > 0) this.#stream.unshift(rest);
  }

  /** 6.15: TLS on this channel from here on. Rejects if the handshake fails; the channel is closed then. */
  async startTls(secureContext: SecureContext): Promise<void> {
    const raw = this.#stream as Socket;
    raw.removeAllListeners('readable');
    const rest = this.#decoder.takeRest();
    if (rest.length > 0) raw.unshift(rest);
    const secure = new TLSSocket(raw, { isServer: true, secureContext });
    this.#stream = secure;
    this.#listen();
    await new Promise<void>((resolve, reject) => {
      secure.once('secure', () => resolve());
      secure.once('error', reject);
      secure.once('close', () => reject(new Error('The client left during the TLS handshake.')));
    });
  }

  /** A reason that is on its way still arrives, unless forced. */
  destroy({ isForced = false } = {}): void {
    if (isForced || !this.#isFailing) this.#stream.destroy();
    this.#closed();
  }

  #listen(): void {
    const stream = this.#stream;
    stream.on('readable', () => this.#wake());
    stream.on('end', () => this.#wake());
    // An abrupt end of the other side is no event for an instrument.
    stream.on('error', () => {});
    stream.on('close', () => this.#closed());
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#wake();
    for (const listener of this.#onClosed) listener();
  }
}

/** The fatal error of a channel whose bytes are no HiSLIP. */
export const POORLY_FORMED = { code: FATAL.poorlyFormedHeader, text: 'Poorly formed message header' } as const;
