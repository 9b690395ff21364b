import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Scope } from '../../src/core/scope.ts';
import { parseFrame } from '../../src/protocol/lab/labwire-frame.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';

const scope = new Scope('bytes of the hub');
let hub: HubLab;

beforeAll(async () => {
  hub = scope.use(await openHubLab({ hub: { roles: { anonymousReadings: true } } }));
});

afterAll(() => scope[Symbol.asyncDispose]());

/** A socket whose bytes on the wire are counted below the WebSocket. */
async function open(
  path: string,
  protocols: string[],
  deflate: boolean,
): Promise<{ socket: WebSocket; wire(): number }> {
  const socket = new WebSocket(hub.socketUrl(path), protocols, { perMessageDeflate: deflate });
  socket.on('error', () => {});
  let stream: Socket | undefined;
  socket.on('upgrade', ({ socket: carrier }) => {
    stream = carrier;
  });
  await once(socket, 'open');
  scope.defer(() => socket.terminate());
  return { socket, wire: () => stream?.bytesRead ?? 0 };
}

test('136 a sample of the power meter costs a third of a poll at most: deflate keeps its window between messages', async () => {
  const { socket, wire } = await open('/ws/power?interval=0.02', [], true);
  let messages = 0;
  let raw = 0;
  let from = 0;
  socket.on('message', (data: Buffer) => {
    messages++;
    raw += data.byteLength;
    if (messages === 5) {
      raw = 0;
      from = wire();
    }
  });
  await expect.poll(() => messages).toBeGreaterThan(55);
  const each = (wire() - from) / (messages - 5);
  // A poll of the same values is 500 bytes with its headers.
  expect(each).toBeLessThan(150);
  expect(each).toBeLessThan(raw / (messages - 5) / 1.8);
});

test('286 events of a kind take a third of their JSON on the wire at most', async () => {
  const token = await hub.token('admin');
  const { socket, wire } = await open(`/compat/neurograph/ws?token=${token}`, [], true);
  const texts: string[] = [];
  socket.on('message', (data: Buffer) => void texts.push(data.toString()));
  socket.send(JSON.stringify({ type: 'subscribe', channels: ['signals'] }));
  await expect.poll(() => texts.some((text) => text.includes('"subscribed"'))).toBe(true);
  const [before, from] = [texts.length, wire()];
  for (let i = 0; i < 1000; i++) {
    hub.hub.parts.channels.publish('signals', 'measured', {
      sensor: `channel-${i % 4}`,
      value: Math.round(Math.sin(i / 9) * 1000) / 1000,
      priority: 'normal',
    });
    if (i % 100 === 99) await expect.poll(() => texts.length - before).toBeGreaterThan(i - 50);
  }
  await expect.poll(() => texts.length - before).toBe(1000);
  const plain = texts.slice(before).reduce((sum, text) => sum + text.length, 0);
  expect((wire() - from) / plain).toBeLessThan(0.35);
});

test('273 a row in a binary frame is less than its JSON', async () => {
  const equipment = hub.bench.equipment[0]?.id;
  const sizes = { binary: 0, text: 0, rows: 0, texts: 0 };
  for (const binary of [true, false]) {
    const { socket } = await open('/ws', ['labwire.1'], false);
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) {
        sizes.binary += data.byteLength;
        sizes.rows += parseFrame(data).rows;
      } else if (data.toString().startsWith('{"type":"stream_data"')) {
        sizes.text += data.byteLength;
        sizes.texts++;
      }
    });
    const accept = { binary, codecs: ['raw'], priorities: true, ack: false };
    const desired = [{ equipment_id: equipment, stream_type: 'readings', interval_ms: 10 }];
    socket.send(
      JSON.stringify({
        type: 'hello',
        id: 1,
        version: 1,
        client: { id: `bytes-${binary}` },
        accept,
        auth: { token: await hub.token('viewer') },
        desired,
      }),
    );
  }
  await expect.poll(() => Math.min(sizes.rows, sizes.texts)).toBeGreaterThan(10);
  expect(sizes.binary / sizes.rows).toBeLessThan(sizes.text / sizes.texts);
});
