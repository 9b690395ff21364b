import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { checkSequence, keyOf, trueRows } from './labwire-lab.ts';
import { LabwireProbe, type Said } from './labwire-probe.ts';

/** The hub on a clock moved by hand; instrument, engine and sockets are real. */
let lab: HubLab;
let clock: ManualClock;
let isRunning = true;

afterEach(async () => {
  isRunning = false;
  await lab[Symbol.asyncDispose]();
});

async function open(): Promise<{ token: string; key: string }> {
  clock = new ManualClock(BigInt(Date.now()) * 1_000_000n);
  lab = await openHubLab({ attach: ['supply'], hub: { clock } });
  await lab.screen.until('streams', ({ streams }) => streams.length > 0);
  return { token: await lab.token('developer'), key: keyOf(lab, 'ps').key };
}

/** While a client is there, time goes on a little, as its limits of messages need. */
async function tick(): Promise<void> {
  while (isRunning) {
    await clock.advance(20);
    await sleep(5);
  }
}

async function enter(
  token: string,
  key: string,
  resume?: Record<string, unknown>,
): Promise<{ probe: LabwireProbe; connected: Said; started: Said }> {
  const [equipment_id, stream_type] = key.split('/');
  const probe = new LabwireProbe(lab.socketUrl('/ws'), { token });
  const connected = await probe.hello({
    desired: [{ equipment_id, stream_type }],
    ...(resume === undefined ? {} : { resume }),
  });
  probe.isAcking = true;
  probe.say({ type: 'ack', bytes: probe.bytes });
  return { probe, connected, started: await probe.of('stream_started') };
}

test('263 267 back after 5, 60 and 299 s: every row is there; after 301 s the session is over and says so', async () => {
  const { token, key } = await open();
  for (const seconds of [5, 60, 299, 301]) {
    isRunning = true;
    const ticking = tick();
    const first = await enter(token, key);
    await first.probe.until('rows', () => first.probe.frames.length > 3);
    isRunning = false;
    await ticking;
    first.probe.socket.terminate();
    const before = lab.hub.parts.connections.size;
    await expect.poll(() => lab.hub.parts.connections.size).toBeLessThanOrEqual(Math.max(0, before - 1));
    const last = (first.probe.frames.at(-1)?.seq ?? 0) + (first.probe.frames.at(-1)?.rows ?? 1) - 1;
    await clock.advance(seconds * 1000);
    let seen = 0;
    await lab.screen.watch([`${keyOf(lab, 'ps').info.instrument}/ch1.voltage`], { kind: 'raw' }, (block) => {
      if (block.kind === 'raw') seen += block.batch.rows;
      return seen > 5;
    });
    isRunning = true;
    const ticking2 = tick();
    const { resume } = first.connected as unknown as { resume: { token: string } };
    const second = await enter(token, key, {
      token: resume.token,
      streams: [{ key, epoch: first.started.epoch, seq: last }],
    });
    if (seconds < 300) {
      expect(second.connected, `${seconds} s`).toMatchObject({ reconnected: true, session: first.connected.session });
      await second.probe.until('rows', () => second.probe.frames.length > 5);
      const { numbers, skipped } = checkSequence(second.probe.order, key, second.started.handle as number, last + 1);
      expect(skipped).toEqual({});
      const truth = await trueRows(lab, keyOf(lab, 'ps').info);
      expect(numbers.every((seq) => truth.has(seq))).toBe(true);
    } else expect(second.connected).toMatchObject({ reconnected: false, reason: 'expired', streams: [] });
    isRunning = false;
    await ticking2;
    await second.probe.end();
  }
});

test('4408 a client that says nothing is let go after 10 s', async () => {
  await open();
  const probe = await new LabwireProbe(lab.socketUrl('/ws')).open();
  await clock.advance(9900);
  expect(probe.closed).toBeUndefined();
  await clock.advance(200);
  await probe.until('the end', () => probe.closed !== undefined);
  expect(probe.closed?.code).toBe(4408);
});

test('104 a client that vanished is cut within 30 s, and its session waits', async () => {
  const { token, key } = await open();
  const { probe } = await enter(token, key);
  (probe.socket as unknown as { _socket: { pause(): void } })._socket.pause();
  expect(lab.hub.parts.connections.size).toBe(1);
  await clock.advance(31_000);
  await expect.poll(() => lab.hub.parts.connections.size).toBe(0);
  probe.socket.terminate();
});

test('103 a heartbeat each 10 s with the time of the hub, and a new token each 10 min', async () => {
  const { token, key } = await open();
  const { probe } = await enter(token, key);
  for (let step = 0; step < 62; step++) {
    await clock.advance(10_000);
    await probe.until('a heartbeat', () => probe.heard.filter(({ type }) => type === 'heartbeat').length > step);
  }
  const beats = probe.heard.filter(({ type }) => type === 'heartbeat');
  const steps = beats.slice(1).map(({ t }, index) => (t as number) - (beats[index]?.t as number));
  expect(new Set(steps.map((step) => Math.round(step / 1e5)))).toEqual(new Set([100]));
  expect(beats[0]).toMatchObject({ active_streams: 1, queue: expect.any(Number) });
  expect(probe.heard.filter(({ type }) => type === 'reconnection_token')).toHaveLength(1);
  await probe.end();
});
