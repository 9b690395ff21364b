import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { checkSequence, keyOf } from './labwire-lab.ts';
import { LabwireProbe } from './labwire-probe.ts';

let lab: HubLab;
let token: string;

beforeAll(async () => {
  lab = await openHubLab({ attach: ['daq'] });
  token = await lab.token('developer');
  await lab.screen.until('streams', ({ streams }) => streams.length > 0);
});

afterAll(() => lab[Symbol.asyncDispose]());

async function enter(): Promise<{ probe: LabwireProbe; handle: number; key: string }> {
  const equipment = lab.bench.equipment[0];
  const name = equipment?.streams[0]?.name ?? '';
  const probe = new LabwireProbe(lab.socketUrl('/ws'), { token });
  await probe.hello({ desired: [{ equipment_id: equipment?.id, stream_type: name }] });
  const { handle } = (await probe.of('stream_started')) as unknown as { handle: number };
  return { probe, handle, key: `${equipment?.id}/${name}` };
}

test('107 a client that reads nothing and acknowledges nothing costs the others nothing, and the hub no more than its window', async () => {
  const frozen = await enter();
  const other = await enter();
  other.probe.isAcking = true;
  other.probe.say({ type: 'ack', bytes: other.probe.bytes });
  await frozen.probe.until('rows', () => frozen.probe.frames.length > 2);
  (frozen.probe.socket as unknown as { _socket: Socket })._socket.pause();
  const { rateHz } = keyOf(lab, 'daq', lab.bench.equipment[0]?.streams[0]?.name).info;
  const rows = (): number => other.probe.frames.reduce((sum, frame) => sum + frame.rows, 0);
  const goal = rows() + rateHz * 6;
  await other.probe.until('six seconds of rows', () => rows() >= goal, 60_000);
  const seen = checkSequence(other.probe.order, other.key, other.handle);
  expect(seen.skipped).toEqual({});
  const counts = lab.hub.parts.connections.all
    .filter(({ principal }) => principal.name === 'developer')
    .map((connection) => connection.counts())
    .sort((one, another) => one.bytesSent - another.bytesSent);
  expect(counts).toHaveLength(2);
  expect(counts[0]?.bytesSent).toBeLessThan(64 * 1024);
  expect(counts[1]?.bytesSent).toBeGreaterThan(counts[0]?.bytesSent ?? 0);
  // Its rows wait in the ring that all share; only words about it are its own.
  expect(lab.bench.feeds.size).toBe(1);
  (frozen.probe.socket as unknown as { _socket: Socket })._socket.resume();
  frozen.probe.isAcking = true;
  frozen.probe.say({ type: 'ack', bytes: frozen.probe.bytes });
  const own = (): number => frozen.probe.frames.reduce((sum, frame) => sum + frame.rows, 0);
  const before = own();
  await frozen.probe.until('it goes on', () => own() > before + rateHz, 60_000);
  checkSequence(frozen.probe.order, frozen.key, frozen.handle);
  await frozen.probe.end();
  await other.probe.end();
}, 150_000);
