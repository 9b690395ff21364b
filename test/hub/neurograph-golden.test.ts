import { readFileSync } from 'node:fs';
import { gunzipSync, unzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { LABLINK_SETTINGS } from '../../src/contract/lablink-settings.ts';
import { Scope } from '../../src/core/scope.ts';
import { encodeTagged } from '../../src/hub/lablink/socket/tagged-frame.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';

/** Frames, words and rights that the library of NeuroGraph itself gave (`golden-vectors.json`), on the socket of the hub. VITAL's frames are there for our client: the hub does not speak them. */
interface Vectors {
  neurograph_binary: { name: string; hex: string; json?: unknown }[];
  neurograph_binary_errors: { name: string; hex?: string; error?: string; result?: [string, string, unknown] }[];
  neurograph_compression: { data_type?: string; size?: number | string; algorithm?: string }[];
  rbac: Record<string, { subscribe: string[]; broadcast: string[] }>;
  lablink_enhanced_framing: { name: string; hex: string; json: string }[];
}

const golden = JSON.parse(
  readFileSync(new URL('../fixtures/lab/golden-vectors.json', import.meta.url), 'utf8'),
) as Vectors;
const vector = (name: string): Buffer =>
  Buffer.from(golden.neurograph_binary.find((one) => one.name.startsWith(name))?.hex ?? '', 'hex');

const scope = new Scope('golden frames');
let hub: HubLab;

beforeAll(async () => {
  hub = scope.use(await openHubLab({ attach: ['scope'] }));
});

afterAll(() => scope[Symbol.asyncDispose]());

type Heard = { text: Record<string, unknown> } | { bytes: Buffer };

/** A client that says one thing and hears the next. */
class Client {
  readonly socket: WebSocket;
  readonly #heard: Heard[] = [];
  #woken: () => void = () => {};

  constructor(token: string) {
    this.socket = new WebSocket(hub.socketUrl(`/compat/neurograph/ws${token && `?token=${token}`}`));
    this.socket.on('message', (data: Buffer, isBinary) => {
      this.#heard.push(isBinary ? { bytes: data } : { text: JSON.parse(data.toString()) as Record<string, unknown> });
      this.#woken();
    });
    scope.defer(() => this.socket.terminate());
  }

  async next(): Promise<Heard> {
    for (;;) {
      const [first] = this.#heard.splice(0, 1);
      if (first) return first;
      await new Promise<void>((resolve) => {
        this.#woken = resolve;
      });
    }
  }

  /** The next answer; events of channels, which have no type, come when they come. */
  async text(): Promise<Record<string, unknown>> {
    for (;;) {
      const heard = await this.next();
      if (!('text' in heard)) return { bytes: heard.bytes.toString('hex') };
      if (heard.text.type !== undefined) return heard.text;
    }
  }

  ask(message: unknown): Promise<Record<string, unknown>> {
    this.socket.send(Buffer.isBuffer(message) ? message : JSON.stringify(message));
    return this.text();
  }
}

async function connect(role: 'admin' | 'developer' | 'viewer' | 'bot' | 'anonymous'): Promise<Client> {
  const client = new Client(role === 'anonymous' ? '' : await hub.token(role));
  expect(await client.text()).toMatchObject({ type: 'connected', role });
  return client;
}

test('270, 272 each frame of the library is read: what it is, is said; the socket stays', async () => {
  const client = await connect('viewer');
  for (const { name, hex } of golden.neurograph_binary) {
    // What comes after the payload does not matter.
    const kind = name.startsWith('trailing') ? 'BINARY_DATA' : (name.split(' ')[0] ?? '');
    const message =
      kind === 'COMPRESSED_JSON'
        ? 'Unknown message type: unknown'
        : `Error processing message: nothing is done with ${kind}`;
    expect([name, (await client.ask(Buffer.from(hex, 'hex'))).message]).toEqual([name, message]);
  }
});

test('270 each fault is told in the very words of the library', async () => {
  const client = await connect('viewer');
  for (const { name, hex, error, result } of golden.neurograph_binary_errors) {
    if (hex === undefined) continue;
    const words = error?.replace('ValueError: ', '') ?? `Error processing message: nothing is done with ${result?.[0]}`;
    expect([name, (await client.ask(Buffer.from(hex, 'hex'))).message]).toEqual([name, words]);
  }
});

test('271 a screenshot is an IMAGE, its head byte for byte as the library packs one of unknown size', async () => {
  const client = await connect('admin');
  const [equipment] = hub.bench.equipment;
  client.socket.send(JSON.stringify({ type: 'get_screenshot', equipment_id: equipment?.id }));
  const heard = await client.next();
  if (!('bytes' in heard)) throw new Error(JSON.stringify(heard.text));
  const theirs = vector('IMAGE null dims');
  const metadata = theirs.subarray(8, 8 + theirs.readUInt16BE(2)).toString();
  const format = /"format": "(\w+)"/.exec(heard.bytes.toString('latin1', 8, 80))?.[1] ?? '';
  const head = Buffer.from(`........${metadata.replace('jpeg', format)}`);
  theirs.copy(head, 0, 0, 2);
  head.writeUInt16BE(head.length - 8, 2);
  head.writeUInt32BE(heard.bytes.length - head.length, 4);
  expect(heard.bytes.subarray(0, head.length).toString('latin1')).toBe(head.toString('latin1'));
  const signatures: Record<string, string> = { png: '89504e47', bmp: '424d', jpeg: 'ffd8ff' };
  expect(heard.bytes.subarray(head.length).toString('hex')).toMatch(new RegExp(`^${signatures[format]}`));
});

test('274, 276 a packed event is COMPRESSED_JSON as the library packs it, from 1024 bytes on', async () => {
  const client = await connect('admin');
  await client.ask({ type: 'subscribe', channels: ['signals'] });
  await client.ask({ type: 'set_compression', compression: 'gzip' });
  const [below, at] = golden.neurograph_compression.filter(({ data_type }) => data_type === 'json');
  expect([below?.algorithm, at?.algorithm]).toEqual(['none', 'zlib']);
  const emptyBytes = await new Promise<number>((resolve) => {
    client.socket.once('message', (data: Buffer) => resolve(data.length));
    hub.hub.parts.channels.publish('signals', 'golden', '');
  });
  await client.next();
  const publish = (size: unknown): unknown =>
    hub.hub.parts.channels.publish('signals', 'golden', 'a'.repeat(Number(size) - emptyBytes));
  publish(below?.size);
  const unpacked = await client.next();
  expect('text' in unpacked && JSON.stringify(unpacked.text).length).toBe(below?.size);
  publish(at?.size);
  const heard = await client.next();
  if (!('bytes' in heard)) throw new Error('it was not packed');
  const { bytes } = heard;
  const theirs = vector('COMPRESSED_JSON');
  const ours = (frame: Buffer): string => frame.toString('latin1', 8, 8 + frame.readUInt16BE(2));
  expect(ours(bytes).replace(/\d+/g, 'N')).toBe(ours(theirs).replace(/\d+/g, 'N'));
  expect(bytes.subarray(0, 2)).toEqual(theirs.subarray(0, 2));
  const payload = bytes.subarray(8 + bytes.readUInt16BE(2));
  expect(bytes.readUInt32BE(4)).toBe(payload.length);
  expect(JSON.parse(ours(bytes))).toEqual({
    compression: 'gzip',
    original_size: 1024,
    compressed_size: payload.length,
  });
  expect(JSON.parse(gunzipSync(payload).toString())).toMatchObject({ channel: 'signals', event_type: 'golden' });
});

test('274 packed here and packed there begin alike and unpack to the same: LabLink frames, tag included', () => {
  const settings = { ...LABLINK_SETTINGS.compression, thresholdBytes: 0 };
  for (const { name, hex, json } of golden.lablink_enhanced_framing) {
    const kind = name.startsWith('zlib') ? 'zlib' : 'gzip';
    // Deflated bytes are the compressor's own (Node's zlib finds other matches than Python's); what stands before them is the protocol's.
    const theirs = Buffer.from(hex, 'hex');
    const ours = Buffer.from(encodeTagged(json.repeat(10), kind, settings, () => {}) as Uint8Array);
    expect(ours.subarray(0, 3).toString('hex')).toBe(hex.slice(0, 6));
    expect(unzipSync(theirs.subarray(1)).toString()).toBe(json);
    expect(unzipSync(ours.subarray(1)).toString()).toBe(json.repeat(10));
  }
});

test.each(['admin', 'developer', 'viewer', 'bot', 'anonymous'] as const)(
  '221–250 %s may what the library lets it',
  async (role) => {
    const client = await connect(role);
    const rights = golden.rbac[role];
    const channels = golden.rbac.admin?.subscribe ?? [];
    expect((await client.ask({ type: 'subscribe', channels })).channels).toEqual(rights?.subscribe);
    await client.ask({ type: 'unsubscribe', channels });
    for (const channel of channels) {
      const { type } = await client.ask({ type: 'broadcast', channel, event_type: 'golden', data: 1 });
      expect([channel, type]).toEqual([channel, rights?.broadcast.includes(channel) ? 'broadcast_sent' : 'error']);
    }
  },
);
