import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { BenchState, Pulse } from '../../src/contract/bench-schema.ts';
import { openScopes, Scope } from '../../src/core/scope.ts';
import { openRecording, type Recording } from '../../src/engine/recording/recording.ts';
import { LabScreen } from '../lab/lab-screen.ts';
import { jsonLines, labwire } from './labwire-process.ts';
import type { ServeProcess } from './serve-process.ts';
import { enginePid, screenOf, startServe } from './serve-process.ts';

// One engine after the other: at 10 kHz none may be starved by the next.
vi.setConfig({ testTimeout: 240_000 });

/**
 * A chunk is closed each 0.75 s, and one before it may be on its way to a slow disk; the rest is the second of its pulses. By the engine's own time: it is
 * slow when the machine is.
 */
const LAST_NS = 2_500_000_000n;

afterAll(() => expect(openScopes()).toEqual([]));

/** `labwire serve` on a new data folder; both are gone with the scope. */
async function open(scope: Scope): Promise<ServeProcess & { data: string }> {
  const data = await mkdtemp(join(tmpdir(), 'labwire-crash-'));
  scope.defer(() => rm(data, { recursive: true, force: true }));
  const serve = await startServe(data);
  scope.defer(async () => void (await serve.host.stop()));
  return { ...serve, data };
}

async function screenAt({ url, token }: ServeProcess): Promise<LabScreen> {
  return LabScreen.open(await screenOf(url, token));
}

/** Starts the simulated bench and attaches; the supply's channel 1 is on, at 10 Hz. Gives the resources and ids. */
async function attach(screen: LabScreen, names: readonly string[]): Promise<{ resources: string[]; ids: string[] }> {
  const { instruments } = await screen.client.call('bench.start', {});
  const resources = names.map((name) => {
    const found = instruments.find((one) => one.name === name)?.resources.find((text) => text.startsWith('TCPIP'));
    if (found === undefined) throw new Error(`the bench has no ${name}`);
    return found;
  });
  const ids: string[] = [];
  for (const resource of resources) ids.push(await screen.attach(resource));
  const [supply = ''] = ids;
  for (const [control, value] of [
    ['ch1.voltage.set', 3],
    ['ch1.output', true],
  ] as const) {
    await screen.client.call('instrument.set', { instrument: supply, control, value });
  }
  for (const { id, instrument } of screen.state.channels) {
    if (instrument === supply) await screen.client.call('channel.set', { channel: id, rateHz: 10 });
  }
  const changedNs = BigInt(Date.now()) * 1_000_000n;
  await screen.until('a stream of each', ({ streams }) =>
    ids.every((id) => streams.some(({ instrument }) => instrument === id)),
  );
  // Saved by itself within a second of the last change: the next engine attaches what is in it.
  await screen.until('the bench saved', ({ bench: { savedNs } }) => savedNs !== null && BigInt(savedNs) > changedNs);
  return { resources, ids };
}

/** One question over a socket of our own: what the instrument says, not what the engine believes. */
async function ask(resource: string, question: string): Promise<string> {
  const [, host, port] = resource.split('::');
  const socket = connectTcp(Number(port), host);
  socket.write(`${question}\n`);
  const [reply] = (await once(createInterface({ input: socket }), 'line')) as [string];
  socket.destroy();
  return reply;
}

/** Resolves at the first pulse that is as wanted. */
function untilPulse(screen: LabScreen, isWanted: (pulse: Pulse) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = screen.client.on('engine.pulse', (pulse) => {
      if (!isWanted(pulse)) return;
      stop();
      resolve();
    });
  });
}

/** Resolves when the recording has so many rows. */
function untilRows(screen: LabScreen, rows: number): Promise<void> {
  return untilPulse(screen, ({ recording }) => recording.rows >= rows);
}

/** What the engine itself said it had, pulse by pulse. */
function hearPulses(screen: LabScreen): Pulse[] {
  const pulses: Pulse[] = [];
  screen.client.on('engine.pulse', (pulse) => void pulses.push(pulse));
  return pulses;
}

/** Whether what the engine says is written grew in each of the last seconds, of two pulses each: the disk keeps up. */
function isOnTime(pulses: readonly Pulse[]): boolean {
  const bytes = pulses.slice(-5).map(({ recording }) => recording.bytes);
  return bytes.length === 5 && [2, 3, 4].every((index) => (bytes[index] ?? 0) > (bytes[index - 2] ?? 0));
}

/** Rows that were there so long before its last word that they are written. */
function sureRows(pulses: readonly Pulse[]): number {
  const lastNs = BigInt(pulses.at(-1)?.t ?? 0);
  return pulses.findLast(({ t }) => lastNs - BigInt(t) >= LAST_NS)?.recording.rows ?? 0;
}

/** All rows that were written by the engine's last word are kept, of every stream without a hole. */
function expectAllWritten(recording: Recording, pulses: readonly Pulse[], killedNs: bigint, count: number): void {
  const streams = recording.streams.filter(({ rows, firstNs }) => rows > 0 && firstNs < killedNs);
  expect(streams).toHaveLength(count);
  expect(streams.reduce((sum, { rows }) => sum + rows, 0)).toBeGreaterThanOrEqual(sureRows(pulses));
  for (const { info, rows, firstRow, endRow, lost } of streams)
    expect([info.key, lost, rows]).toEqual([info.key, 0, endRow - firstRow]);
}

describe('an engine that is killed while it records', () => {
  it.each([
    ['the supply at 10 Hz', ['supply'], 10],
    ['the supply and the DAQ', ['supply', 'daq'], 10_000],
  ])('%s: is back at the same address, all that was written is kept, no output changes', async (_, names, rows) => {
    await using scope = new Scope('crash test');
    const serve = await open(scope);
    const pid = await enginePid(serve.data);
    const before = scope.use(await screenAt(serve));
    const { resources, ids } = await attach(before, names);
    const { simulator } = before.state;
    const pulses = hearPulses(before);
    const started = await before.client.call('recording.start', { name: 'killed' });
    await untilPulse(before, () => sureRows(pulses) >= rows && isOnTime(pulses));

    const killedNs = BigInt(Date.now()) * 1_000_000n;
    process.kill(pid, 'SIGKILL');
    await before.client.closed;
    await serve.host.said(/The engine ended \(SIGKILL\) and is started again.*\n.*runs again/);
    expect(await enginePid(serve.data)).not.toBe(pid);

    // The old address and the old token, and the bench as it was.
    const after = scope.use(await screenAt(serve));
    await after.until('the recording goes on', ({ recording }) => recording.state === 'recording');
    expect(after.state.recording).toMatchObject({ recording: started.recording, part: 2 });
    for (const id of ids) await after.untilState(id, 'live');
    expect(whereIt(after.state.simulator)).toEqual(whereIt(simulator));
    expect(await ask(resources[0] ?? '', ':OUTP? CH1')).toBe('ON');
    await untilRows(after, 5);
    await after.client.call('recording.stop', {});

    const id = started.recording ?? '';
    const { paths } = (await after.client.call('recording.info', { recording: id })).row;
    expect(paths).toHaveLength(2);
    // What was written when it was killed, and the end the next engine gave it.
    expect((await stat(paths[0] ?? '')).size).toBeGreaterThan(pulses.at(-1)?.recording.bytes ?? 0);
    await using recording = await openRecording(paths[0] ?? '');
    expectAllWritten(recording, pulses, killedNs, names.length);
    const [info] = jsonLines<{ complete: boolean; events: { kind: string }[] }>(
      (await labwire('info', paths[1] ?? '', '--json')).stdout,
    );
    // What the instrument itself does meanwhile is not meant.
    const own = new Set(['status', 'mode', 'range']);
    const kinds = info?.events.map(({ kind }) => kind).filter((kind) => !own.has(kind)) ?? [];
    expect(info?.complete).toBe(false);
    expect(kinds.slice(kinds.indexOf('start'))).toEqual(['start', 'interrupted', 'start', 'interrupted', 'stop']);
  });
});

describe('the host of the engine', () => {
  it('is not needed to finish a recording: killed with -9, its engine does and ends', async () => {
    await using scope = new Scope('host test');
    const serve = await open(scope);
    const screen = scope.use(await screenAt(serve));
    await attach(screen, ['supply']);
    const { path } = await screen.client.call('recording.start', { name: 'orphan' });
    await untilRows(screen, 5);
    // 'close' comes when the last one has let go of stderr: the engine.
    await serve.host.stop('SIGKILL');
    expect(await screen.client.closed).toMatchObject({ message: expect.stringMatching(/closing/) });
    await using recording = await openRecording(path.replace(/\.part$/, ''));
    expect(recording.info).toMatchObject({ complete: true, interrupted: false });
    expect((await readdir(serve.data)).filter((name) => name.startsWith('engine.'))).toEqual([]);
  });

  it('ends in order, exit code 0, when the engine is asked to end by a signal of its own', async () => {
    await using scope = new Scope('signal test');
    const serve = await open(scope);
    process.kill(await enginePid(serve.data), 'SIGTERM');
    expect((await serve.host.done).code).toBe(0);
  });
});

/** The bench and its addresses, without when they were seen. */
function whereIt({ state, instruments }: BenchState['simulator']): unknown {
  return { state, instruments: instruments.map(({ name, idn, resources }) => ({ name, idn, resources })) };
}
