import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { NeurographMetrics } from '../metrics/neurograph-metrics.ts';

/** `{"type":"x"` or `{"channel":"y"` at the head of a text says what it is without reading it all. */
const TYPE = /"type": ?"([a-z_.]{1,64})"/;
const CHANNEL = /"channel": ?"([a-z_]{1,64})"/;
const HEAD_CHARS = 200;

/**
 * A socket of the hub that counts what passes, whatever speaks over it: each message handed to the system and each one received, so that the metrics
 * are those of the wire and not of what somebody meant to send.
 */
export class MeteredSocket extends WebSocket {
  #metrics: NeurographMetrics | undefined;
  #stream: Duplex | undefined;
  #isCorked = false;

  /** `stream`: what carries it. What is sent in one turn goes out in one system call. */
  meter(metrics: NeurographMetrics, stream: Duplex): void {
    this.#metrics = metrics;
    this.#stream = stream;
    this.on('message', (data: Buffer, isBinary: boolean) => {
      metrics.received(isBinary ? 'binary' : typeOf(data.toString('utf8', 0, HEAD_CHARS)), data.byteLength);
    });
  }

  override send(data: string | Uint8Array, ...rest: never[]): void {
    if (this.readyState === WebSocket.OPEN && this.#metrics) {
      const isText = typeof data === 'string';
      const head = isText ? data.slice(0, HEAD_CHARS) : '';
      const channel = CHANNEL.exec(head)?.[1] ?? '';
      this.#metrics.sent(channel, isText ? typeOf(head) : 'binary', isText ? Buffer.byteLength(data) : data.byteLength);
    }
    this.#cork();
    super.send(data, ...rest);
  }

  /** A system call for each small message costs more than making it. */
  #cork(): void {
    const stream = this.#stream;
    if (!stream || this.#isCorked) return;
    this.#isCorked = true;
    stream.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      stream.uncork();
    });
  }
}

function typeOf(head: string): string {
  return TYPE.exec(head)?.[1] ?? (CHANNEL.test(head) ? 'event' : 'unknown');
}
