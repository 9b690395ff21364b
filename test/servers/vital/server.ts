import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { deflateSync } from 'node:zlib';
import type { WebSocket } from 'ws';
import { WebSocketServer } from 'ws';
import type { VitalType, VitalVersion } from '../../../src/protocol/lab/vital-frame.ts';
import { packVitalFrame, parseVitalFrame, VITAL_FLAGS } from '../../../src/protocol/lab/vital-frame.ts';
import { packMessagePack, parseMessagePack } from '../../../src/protocol/lab/vital-payload.ts';

export interface VitalKnobs {
  /** What it speaks; JSON takes no binary message. */
  speaks: 'frames' | 'json';
  /** Newest version of its frames. */
  version: VitalVersion;
  /** False: it waits for the client to begin. */
  greets: boolean;
  /** Path of its socket. */
  path: string;
  rateHz: number;
  /** Samples a message. */
  block: number;
  leads: readonly string[];
  /** Left out: the client has to assume it. */
  saysRate: boolean;
  /** NumPy arrays in their wrapper. */
  wraps: boolean;
  acks: boolean;
  token: string | undefined;
  /** Beyond so many bytes it compresses. */
  threshold: number;
}

const KNOBS: VitalKnobs = {
  speaks: 'frames',
  version: 3,
  greets: true,
  path: '/ws/ecg',
  rateHz: 250,
  block: 25,
  leads: ['I', 'II'],
  saysRate: true,
  wraps: false,
  acks: false,
  token: undefined,
  threshold: 1024,
};

interface Seen {
  type: string;
  version: number;
  body: Record<string, unknown>;
}

/** VITAL of seed 003, made from its documents: frames of versions 1 to 3 or JSON, negotiation, subscriptions, blocks of ECG, acknowledgements. */
export class VitalServer implements AsyncDisposable {
  readonly knobs: VitalKnobs;
  readonly seen: Seen[] = [];
  /** Connections made so far. */
  connections = 0;
  readonly #sockets = new Map<WebSocket, { version: VitalVersion; patients: Set<string> }>();
  readonly #http = createServer((_, response) => response.writeHead(404).end());
  readonly #upgrader = new WebSocketServer({ noServer: true, handleProtocols: () => false });
  readonly #timer: NodeJS.Timeout;
  /** Samples made so far; value and time follow from the number. */
  #made = 0;
  #messages = 0;
  /** Messages that are counted and never sent. */
  swallow = 0;

  private constructor(knobs: Partial<VitalKnobs>) {
    this.knobs = { ...KNOBS, ...knobs };
    this.#http.on('upgrade', (request, socket, head) => {
      const url = new URL(request.url ?? '/', 'http://host');
      const isLoggedIn =
        this.knobs.token === undefined || request.headers.authorization === `Bearer ${this.knobs.token}`;
      if (url.pathname !== this.knobs.path || !isLoggedIn) {
        socket.end(`HTTP/1.1 ${isLoggedIn ? 404 : 401} No\r\ncontent-length: 0\r\n\r\n`);
        return;
      }
      this.#upgrader.handleUpgrade(request, socket, head, (client) => this.#accept(client));
    });
    this.#timer = setInterval(() => this.#tick(), (this.knobs.block / this.knobs.rateHz) * 1000);
  }

  static async start(knobs: Partial<VitalKnobs> = {}): Promise<VitalServer> {
    const server = new VitalServer(knobs);
    server.#http.listen(0, '127.0.0.1');
    await once(server.#http, 'listening');
    return server;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  /** Patients anybody is subscribed to. */
  get patients(): string[] {
    return [...new Set([...this.#sockets.values()].flatMap(({ patients }) => [...patients]))];
  }

  /** To everybody, in the form each speaks. */
  send(type: VitalType, body: Record<string, unknown>, flags = 0): void {
    for (const [socket, { version }] of this.#sockets) this.#say(socket, version, type, body, flags);
  }

  raw(data: string | Uint8Array): void {
    for (const socket of this.#sockets.keys()) socket.send(data);
  }

  cut(): void {
    for (const socket of this.#sockets.keys()) socket.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.cut();
    this.#http.closeAllConnections();
    this.#http.close();
    await once(this.#http, 'close');
  }

  #accept(client: WebSocket): void {
    this.connections++;
    const state = { version: this.knobs.version, patients: new Set<string>() };
    this.#sockets.set(client, state);
    client.on('error', () => undefined);
    client.on('close', () => this.#sockets.delete(client));
    client.on('message', (data: Buffer, isBinary) => {
      if (isBinary !== (this.knobs.speaks === 'frames')) return void client.close(1003, 'unsupported data');
      const message = isBinary ? this.#read(data) : this.#readText(String(data));
      if (!message) return;
      this.seen.push(message);
      this.#answer(client, state, message);
    });
    if (this.knobs.greets) this.#say(client, 1, 'PROTOCOL_NEGOTIATION', { versions: this.#versions });
  }

  get #versions(): number[] {
    return [1, 2, 3].filter((version) => version <= this.knobs.version);
  }

  #read(data: Buffer): Seen | undefined {
    const result = parseVitalFrame(data);
    if (!('frame' in result)) return undefined;
    const body = parseMessagePack(result.frame.payload) as Record<string, unknown>;
    return { type: result.frame.type, version: result.frame.version, body };
  }

  #readText(text: string): Seen {
    const body = JSON.parse(text) as Record<string, unknown>;
    return { type: String(body.type).toUpperCase(), version: 0, body };
  }

  #answer(
    client: WebSocket,
    state: { version: VitalVersion; patients: Set<string> },
    { type, version, body }: Seen,
  ): void {
    if (version > this.knobs.version) {
      this.#say(client, 1, 'ERROR', { code: 0x100, message: 'unsupported version' });
      return;
    }
    const target = String(body.target_id);
    switch (type) {
      case 'VERSION_CHECK':
        if (typeof body.version === 'number')
          state.version = Math.min(this.knobs.version, body.version) as VitalVersion;
        if (!this.knobs.greets) this.#say(client, 1, 'PROTOCOL_NEGOTIATION', { versions: this.#versions });
        return;
      case 'PING':
        this.#say(client, state.version, 'PONG', {});
        return;
      case 'SUBSCRIBE':
        state.patients.add(target);
        this.#say(client, state.version, 'SUBSCRIPTION_ACK', { target_id: target, status: 'ok' });
        return;
      case 'UNSUBSCRIBE':
        state.patients.delete(target);
    }
  }

  /** One block for every subscriber: the value of sample n is n (lead 1) and −n (lead 2). */
  #tick(): void {
    const { block, rateHz, leads, saysRate, wraps, acks } = this.knobs;
    const from = this.#made;
    this.#made += block;
    this.#messages++;
    const data = leads.map((_, lead) => Array.from({ length: block }, (_, at) => (from + at) * (lead === 0 ? 1 : -1)));
    if (this.swallow > 0) {
      this.swallow--;
      return;
    }
    const wrapped = wraps ? { __ndarray__: data.flat(), dtype: 'float64', shape: [leads.length, block] } : data;
    for (const [socket, { version, patients }] of this.#sockets) {
      for (const patient of patients) {
        this.#say(
          socket,
          version,
          'ECG_DATA',
          {
            patient_id: patient,
            data: wrapped,
            leads,
            timestamp: Date.now() / 1000,
            sequence: this.#messages,
            ...(saysRate ? { sample_rate: rateHz } : {}),
            severity: 'normal',
          },
          acks ? VITAL_FLAGS.ACK_REQUIRED : 0,
        );
      }
    }
  }

  #say(socket: WebSocket, version: VitalVersion, type: VitalType, body: Record<string, unknown>, flags = 0): void {
    if (this.knobs.speaks === 'json') {
      socket.send(JSON.stringify({ type: type.toLowerCase(), ...body }));
      return;
    }
    const plain = packMessagePack(body);
    const isPacked = version > 1 && plain.length > this.knobs.threshold;
    const payload = isPacked ? deflateSync(plain, { level: 6 }) : plain;
    const all = (isPacked ? VITAL_FLAGS.COMPRESSED : 0) | (version === 3 ? flags : 0);
    socket.send(packVitalFrame(version, type, all, payload, BigInt(Date.now()) * 1000n));
  }
}
