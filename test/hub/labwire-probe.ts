import { once } from 'node:events';
import WebSocket from 'ws';
import { FRAME_TYPE, framesOfBatch, type LabwireFrame, parseFrame } from '../../src/protocol/lab/labwire-frame.ts';

export type Said = Record<string, unknown> & { type: string };

/** A bare labwire.1 client: says what it is told to, keeps everything it hears, acknowledges the bytes unless told not to. */
export class LabwireProbe {
  readonly socket: WebSocket;
  readonly heard: Said[] = [];
  readonly frames: LabwireFrame[] = [];
  /** Everything in the order it came: texts and frames. */
  readonly order: (Said | LabwireFrame)[] = [];
  bytes = 0;
  isAcking = false;
  closed: { code: number; reason: string } | undefined;
  readonly #checks = new Set<() => void>();

  constructor(url: string, options: { token?: string; subprotocol?: string | null } = {}) {
    const { token, subprotocol = 'labwire.1' } = options;
    this.socket = new WebSocket(url, subprotocol === null ? [] : [subprotocol], {
      perMessageDeflate: true,
      ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
    });
    this.socket.on('error', () => {});
    this.socket.on('message', (data: Buffer, isBinary: boolean) => this.#receive(data, isBinary));
    this.socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
      this.#look();
    });
  }

  async open(): Promise<this> {
    if (this.socket.readyState !== WebSocket.OPEN) await once(this.socket, 'open');
    await this.of('capabilities');
    return this;
  }

  /** Says hello and waits until it is connected. */
  async hello(hello: Record<string, unknown> = {}): Promise<Said> {
    await this.open();
    this.say({ type: 'hello', id: 'h', version: 1, accept: { binary: true, codecs: ['raw'], ack: true }, ...hello });
    return this.of('connected');
  }

  say(message: Record<string, unknown>): void {
    this.socket.send(JSON.stringify(message));
  }

  /** Asks and gives what answers it. */
  ask(message: Record<string, unknown> & { id: string | number }): Promise<Said> {
    this.say(message);
    return this.until(`the answer to ${JSON.stringify(message)}`, () => this.heard.find(({ re }) => re === message.id));
  }

  of(type: string, from = 0): Promise<Said> {
    return this.until(type, () => this.heard.slice(from).find((one) => one.type === type));
  }

  until<T>(what: string, find: () => T | undefined | false, limitMs = 60_000): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#checks.delete(check);
      };
      const check = (): void => {
        const found = find();
        if (found === undefined || found === false) return;
        end();
        resolve(found);
      };
      const timer = setTimeout(() => {
        end();
        const last = this.heard.slice(-6).map((one) => JSON.stringify(one).slice(0, 200));
        reject(
          new Error(`Waited for ${what} in vain; closed ${JSON.stringify(this.closed)}; heard ${last.join('\n')}`),
        );
      }, limitMs);
      this.#checks.add(check);
      check();
    });
  }

  end(): Promise<void> {
    this.socket.close();
    return this.until('the end', () => this.closed !== undefined).then(() => undefined);
  }

  #receive(data: Buffer, isBinary: boolean): void {
    this.bytes += data.byteLength;
    if (isBinary) {
      const frame = parseFrame(new Uint8Array(data));
      const frames = frame.type === FRAME_TYPE.batch ? [...framesOfBatch(frame)] : [frame];
      this.frames.push(...frames);
      this.order.push(...frames);
    } else {
      const said = JSON.parse(data.toString()) as Said;
      this.heard.push(said);
      this.order.push(said);
    }
    if (this.isAcking) this.say({ type: 'ack', bytes: this.bytes });
    this.#look();
  }

  #look(): void {
    for (const check of [...this.#checks]) check();
  }
}
