import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { Scope } from '../../src/core/scope.ts';
import { DeflateLevel } from '../../src/hub/server/deflate-level.ts';
import { openFaultProxy } from '../servers/fault-proxy.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { keyOf } from './labwire-lab.ts';
import { LabwireProbe } from './labwire-probe.ts';

const scope = new Scope('levels of permessage-deflate');
let lab: HubLab;

beforeAll(async () => {
  lab = scope.use(await openHubLab());
  await lab.screen.until('streams', ({ streams }) => streams.length > 0);
});

afterAll(() => scope[Symbol.asyncDispose]());

/** Rows as the hub writes them: numbers that repeat a little. */
function rowsText(): string {
  return JSON.stringify(
    Array.from({ length: 600 }, (_, row) => ({
      seq: row,
      t: 1_700_000_000_000 + row * 100,
      data: [Math.sin(row / 7), row % 13],
    })),
  );
}

test('275 302 the level of permessage-deflate: 1 and 9 give different bytes on the wire and the same text, changed between two messages', async () => {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    perMessageDeflate: { serverMaxWindowBits: 12, zlibDeflateOptions: { level: 6, memLevel: 5 }, threshold: 0 },
  });
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const client = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: true });
  let carrier: Socket | undefined;
  client.on('upgrade', ({ socket }) => {
    carrier = socket;
  });
  const [[peer]] = (await Promise.all([once(server, 'connection'), once(client, 'open')])) as [[WebSocket], unknown];
  const deflate = new DeflateLevel(peer);
  expect(deflate.level).toBe(6);
  const text = rowsText();
  const bytesOf = async (level: number): Promise<number> => {
    deflate.set(level);
    const before = carrier?.bytesRead ?? 0;
    peer.send(text, { compress: true });
    const [data] = (await once(client, 'message')) as [Buffer];
    expect(data.toString()).toBe(text);
    expect(deflate.level).toBe(level);
    return (carrier?.bytesRead ?? 0) - before;
  };
  const fast = await bytesOf(1);
  const best = await bytesOf(9);
  const fastAgain = await bytesOf(1);
  expect(best).toBeLessThan(fast);
  expect(fastAgain).toBe(fast);
  // A change while many wait: each arrives as it is, in order.
  const heard: string[] = [];
  client.on('message', (data: Buffer) => heard.push(data.toString()));
  const sent = Array.from({ length: 40 }, (_, index) => `${index} ${text.slice(index * 10, index * 10 + 3000)}`);
  for (const [index, one] of sent.entries()) {
    deflate.set((index % 9) + 1);
    peer.send(one, { compress: true });
  }
  await expect.poll(() => heard.length).toBe(sent.length);
  expect(heard).toEqual(sent);
  client.close();
  server.close();
  await once(server, 'close');
});

test('302 the level follows the link of its client: what the controller says is what its text is deflated at', async () => {
  await using proxy = await openFaultProxy(Number(new URL(lab.url()).port));
  // A way so long wants 9, a processor that is busy less: either way it does not stay where it began.
  proxy.set({ delayMs: 500 });
  const [equipment_id, stream_type] = keyOf(lab, 'ps').key.split('/');
  const probe = new LabwireProbe(`ws://${proxy.host}/ws`, { token: await lab.token('developer') });
  await probe.hello({ accept: { ack: true }, desired: [{ equipment_id, stream_type }] });
  probe.isAcking = true;
  probe.say({ type: 'ack', bytes: probe.bytes });
  let asked = 0;
  const levels = async (): Promise<{ isMoved: boolean; isSame: boolean }> => {
    const said = await probe.ask({ type: 'get_stats', id: `s${++asked}` });
    const { level } = said.permessage_deflate as { level: number };
    const { current_level } = said.adaptive as { current_level: number };
    return { isMoved: level !== 6, isSame: level === current_level };
  };
  await expect.poll(levels, { timeout: 90_000, interval: 500 }).toEqual({ isMoved: true, isSame: true });
  await probe.end();
}, 150_000);
