import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Scope } from '../../src/core/scope.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';

const MESSAGES = 1000;
const CLIENTS = 20;

const scope = new Scope('fan-out of the hub');
let hub: HubLab;

beforeAll(async () => {
  hub = scope.use(await openHubLab({ startBench: false, attach: [] }));
});

afterAll(() => scope[Symbol.asyncDispose]());

test('341, 342 a thousand messages to twenty clients and one that does not read: each of the twenty gets each, once and in order', async () => {
  const token = await hub.token('admin');
  const seen: number[][] = [];
  const open = async (): Promise<WebSocket> => {
    const socket = new WebSocket(hub.socketUrl(`/compat/neurograph/ws?token=${token}`), { perMessageDeflate: false });
    socket.on('error', () => {});
    scope.defer(() => socket.terminate());
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'subscribe', channels: ['signals'] }));
    return socket;
  };
  const subscribed: Promise<unknown>[] = [];
  for (let client = 0; client < CLIENTS; client++) {
    const numbers: number[] = [];
    seen.push(numbers);
    const socket = await open();
    subscribed.push(
      new Promise<void>((resolve) => {
        socket.on('message', (data: Buffer) => {
          const message = JSON.parse(data.toString()) as { type?: string; data?: { i: number } };
          if (message.type === 'subscribed') resolve();
          else if (message.data) numbers.push(message.data.i);
        });
      }),
    );
  }
  await Promise.all(subscribed);
  const frozen = await open();
  frozen.pause();
  for (let i = 0; i < MESSAGES; i++) hub.hub.parts.channels.publish('signals', 'count', { i });
  await expect.poll(() => Math.min(...seen.map(({ length }) => length))).toBe(MESSAGES);
  const wanted = Array.from({ length: MESSAGES }, (_, i) => i);
  for (const numbers of seen) expect(numbers).toEqual(wanted);
});
