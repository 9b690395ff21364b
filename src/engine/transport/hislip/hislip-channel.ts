import type net from 'node:net';
import tls from 'node:tls';
import { createDeferred } from '../../../core/deferred.ts';
import { LabError } from '../../../core/errors.ts';
import { HISLIP } from '../../../protocol/hislip.ts';
import { HislipDecoder, type HislipEvent } from '../../../protocol/hislip-decoder.ts';
import {
  encodeHislip,
  HISLIP_HEADER_BYTES,
  type HislipHeader,
  writeHislipHeader,
} from '../../../protocol/hislip-header.ts';
import { fromOsError } from '../os-error.ts';
import { cancellation } from '../read-buffer.ts';
import type { HislipOptions, HislipTarget } from './hislip-options.ts';
import { closedBy, fatalError, noAnswer, oddAnswer, refusal } from './hislip-words.ts';

/** Payloads up to here are copied behind their header: one packet instead of two. */
const JOINED_BYTES = 4096;

export interface HislipMessage {
  header: HislipHeader;
  payload: Uint8Array;
}

/** Who takes what comes on a channel. Called from within the socket's event; must not throw. */
export interface ChannelSink {
  event(event: HislipEvent): void;
  /** Once: the channel is of no more use. */
  ended(reason: LabError): void;
}

/** The client's end of one of the two connections: messages out, messages in, TLS over it from some point on. */
export class HislipChannel {
  readonly #target: HislipTarget;
  readonly #decoder: HislipDecoder;
  readonly #answerTimeoutMs: number;
  #stream: net.Socket | tls.TLSSocket;
  #sink: ChannelSink | undefined;
  #early: HislipEvent[] = [];
  #reason: LabError | undefined;
  #isPaused = false;
  readonly #closed = createDeferred<void>();
  readonly #onData = (chunk: Uint8Array): void => this.#take(chunk);
  readonly #onError = (error: Error): void => this.#end(this.#lost(error));
  readonly #onEnd = (): void => this.#end(closedBy(this.#target.resource, 'The instrument ended the connection'));
  readonly #onClose = (): void => {
    this.#end(closedBy(this.#target.resource, 'The connection ended'));
    this.#closed.resolve();
  };

  constructor(socket: net.Socket, target: HislipTarget, options: HislipOptions) {
    this.#target = target;
    this.#stream = socket;
    this.#answerTimeoutMs = options.answerTimeoutMs ?? 10_000;
    this.#decoder = new HislipDecoder({ maxDataBytes: options.maxMessageBytes ?? 256 * 1024 * 1024 });
    this.#listen();
  }

  /** Why it ended; undefined while it is open. */
  get reason(): LabError | undefined {
    return this.#reason;
  }

  /** Certificate of the other side, once TLS runs. */
  get peerCertificate(): tls.PeerCertificate | undefined {
    return this.#stream instanceof tls.TLSSocket ? this.#stream.getPeerCertificate() : undefined;
  }

  /** Sends a message; resolves when the system has taken it, rejects with why the channel ended. */
  send(type: number, control = 0, parameter = 0, payload?: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#reason) {
        reject(this.#reason);
        return;
      }
      const done = (error?: Error | null): void => {
        if (!error) resolve();
        else reject(this.#reason ?? this.#lost(error));
      };
      if (payload && payload.length > JOINED_BYTES) {
        const head = new Uint8Array(HISLIP_HEADER_BYTES);
        writeHislipHeader(head, { type, control, parameter, payloadBytes: payload.length });
        this.#stream.cork();
        this.#stream.write(head);
        this.#stream.write(payload, done);
        this.#stream.uncork();
      } else this.#stream.write(encodeHislip(type, control, parameter, payload), done);
    });
  }

  /** While opening: sends a message and waits for the one that answers it. An Error or FatalError of the other side rejects. */
  async ask(
    type: number,
    answer: number,
    message: Partial<Omit<HislipMessage['header'], 'type'>> & { payload?: Uint8Array },
    signal?: AbortSignal,
  ): Promise<HislipMessage> {
    const answered = this.nextMessage(answer, signal);
    await Promise.race([this.send(type, message.control, message.parameter, message.payload), answered]);
    return answered;
  }

  /** While opening: the next message, which must be of that type. */
  nextMessage(type: number, signal?: AbortSignal): Promise<HislipMessage> {
    const { resource } = this.#target;
    const { promise, resolve, reject } = createDeferred<HislipMessage>();
    const timer = setTimeout(
      () => reject(noAnswer(resource, 'during the opening', this.#answerTimeoutMs)),
      this.#answerTimeoutMs,
    );
    const onAbort = (): void => reject(signal ? cancellation(signal) : undefined);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    this.attach({
      ended: reject,
      event: (event) => {
        this.#sink = undefined;
        const { header } = event;
        if (event.kind !== 'message')
          reject(oddAnswer(resource, `message type ${header.type} came during the opening`));
        else if (header.type === HISLIP.error) reject(refusal(resource, header.control, event.payload));
        else if (header.type !== type)
          reject(oddAnswer(resource, `message type ${header.type} came where ${type} belongs`));
        else resolve(event);
      },
    });
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    promise.then(settle, settle);
    return promise;
  }

  /** From now on everything goes there; what came before, first. */
  attach(sink: ChannelSink): void {
    this.#sink = sink;
    for (let event = this.#early.shift(); event; event = this.#early.shift()) {
      this.#sink?.event(event);
      if (this.#sink !== sink) return;
    }
    if (this.#reason) sink.ended(this.#reason);
  }

  /** Takes nothing off the wire until `resume`. */
  pause(): void {
    this.#isPaused = true;
    this.#stream.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#stream.resume();
  }

  /** IVI-6.1 6.15: TLS over the same connection. Rejects with the system's error; the channel has ended then. */
  async startTls(options: tls.ConnectionOptions, signal?: AbortSignal): Promise<void> {
    const raw = this.#stream;
    raw.off('data', this.#onData).off('error', this.#onError).off('end', this.#onEnd).off('close', this.#onClose);
    raw.on('error', () => {});
    raw.pause();
    const secure = tls.connect({ ...options, socket: raw });
    const { promise, resolve, reject } = createDeferred<void>();
    const onAbort = (): void => reject(signal ? cancellation(signal) : undefined);
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = setTimeout(
      () => reject(noAnswer(this.#target.resource, 'the TLS handshake', this.#answerTimeoutMs)),
      this.#answerTimeoutMs,
    );
    secure.once('secureConnect', () => resolve());
    secure.once('error', reject);
    secure.once('close', () =>
      reject(closedBy(this.#target.resource, 'The instrument ended the connection during the TLS handshake')),
    );
    this.#stream = secure;
    this.#listen();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      secure.off('error', reject);
    }
  }

  /** Ends it, and waits until it has. What is queued is still sent; a peer that does not take it is cut off after a second. */
  async close(reason: LabError): Promise<void> {
    this.#end(reason);
    const timer = setTimeout(() => this.#stream.destroy(), 1000);
    await this.#closed.promise;
    clearTimeout(timer);
  }

  #listen(): void {
    const stream = this.#stream;
    stream.on('data', this.#onData).on('error', this.#onError).on('end', this.#onEnd).on('close', this.#onClose);
    if (this.#stream.closed) this.#closed.resolve();
  }

  #take(chunk: Uint8Array): void {
    if (this.#reason) return;
    try {
      for (const event of this.#decoder.push(chunk)) {
        if (event.kind === 'message' && event.header.type === HISLIP.fatalError) {
          this.#end(fatalError(this.#target.resource, event.header.control, event.payload));
        } else if (this.#reason) return;
        else if (this.#sink) this.#sink.event(event);
        else this.#early.push(event);
      }
      // Nobody asked for so much before the opening is done.
      if (this.#early.length > 16) this.#end(oddAnswer(this.#target.resource, 'it sends messages nobody asked for'));
    } catch (error) {
      this.#breakOff(LabError.from(error));
    }
    if (this.#decoder.isBroken) this.#breakOff(undefined);
  }

  /** 6.2: a client that finds no message header says so, and closes. */
  #breakOff(error: LabError | undefined): void {
    if (this.#reason) return;
    void this.send(HISLIP.fatalError, 1, 0, new TextEncoder().encode('Poorly formed message header')).catch(() => {});
    this.#end(error ?? oddAnswer(this.#target.resource, 'what it sends is no HiSLIP message'));
  }

  #end(reason: LabError): void {
    if (this.#reason) return;
    this.#reason = reason;
    this.#sink?.ended(reason);
    // Nobody reads on: without resume the end of the other side is never seen.
    this.#stream.resume();
    this.#stream.destroySoon();
  }

  #lost(error: Error): LabError {
    return fromOsError(error, this.#target.resource, `The connection to ${this.#target.resource} broke`);
  }
}
