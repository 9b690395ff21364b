import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ManualClock } from '../../../core/clock.ts';
import { Scope } from '../../../core/scope.ts';
import { SampleFan } from '../../acquisition/sample-fan.ts';
import { StreamRegistry } from '../../acquisition/stream-registry.ts';
import { TimedStream } from '../../acquisition/timed-stream.ts';
import { emptyState } from '../../state/empty-state.ts';
import { EventLog } from '../../state/event-log.ts';
import { StateBoard } from '../../state/state-board.ts';
import type { Disk } from '../disk.ts';
import { systemDisk } from '../disk.ts';
import { SessionDesk } from './session-desk.ts';

/** The system's disk with room for so many bytes of one file, as its name goes. */
function fullDisk(name: string, room: number): Disk {
  return {
    ...systemDisk,
    async open(path, mode) {
      const file = await systemDisk.open(path, mode);
      if (!path.includes(name)) return file;
      return {
        ...file,
        async write(buffers, position) {
          const bytes = buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
          if (bytes > room) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
          room -= bytes;
          return await file.write(buffers, position);
        },
      };
    },
  };
}

/** It waits for the last rows, by the clock of the test. */
async function stopping<T>(clock: ManualClock, stopped: Promise<T>): Promise<T> {
  await clock.advance(40);
  return await stopped;
}

test('a session whose disk fills up ends with its reason, said once; another one goes on and has every row', async () => {
  await using scope = new Scope('sessions on a full disk');
  const folder = await mkdtemp(join(tmpdir(), 'labwire-sessions-'));
  scope.defer(() => rm(folder, { recursive: true, force: true }));
  const clock = new ManualClock(1_763_044_222_000_000_000n);
  const state = emptyState(folder);
  const board = new StateBoard({ ...state, settings: { ...state.settings, recordingsFolder: folder } });
  const events = new EventLog(clock, board);
  const fan = new SampleFan();
  const registry = new StreamRegistry(fan, clock);
  const desk = scope.use(new SessionDesk({ clock, fan, events, board, version: '0', disk: fullDisk('small', 3000) }));
  const said: string[] = [];
  scope.use(events.onEvent(({ kind, text }) => void (kind === 'stop' && said.push(text))));
  const columns = [{ channel: 'ch1.voltage', unit: 'V' }];
  using supply = new TimedStream(
    { registry, sink: fan, clock },
    { instrument: 'supply', stream: 'polled', columns, rateHz: 10 },
  );
  const options = {
    format: 'lablink-jsonl',
    gzip: false,
    timestamps: true,
    metadata: true,
    rotateBytes: 100_000_000,
  } as const;
  const whole = await desk.start({ session: 'whole', options });
  const small = await desk.start({ session: 'small', options });
  const errorOf = (session: string): unknown => desk.stats(session).error;
  for (let row = 0; row < 100; row++) {
    supply.add([row / 8], clock.nowNs() - 1_000_000n, clock.nowNs());
    const before = desk.stats('whole').bytes_written;
    await clock.advance(1000);
    // The disk is real.
    await expect.poll(() => desk.stats('whole').bytes_written, { interval: 1 }).toBeGreaterThan(before);
  }
  await expect.poll(() => errorOf('small')).toMatchObject({ code: 'recording.disk-full' });
  await clock.advance(1000);
  expect(said).toHaveLength(1);
  expect(said[0]).toContain('The session “small” ended by itself');
  // It stays in the list, with its error, until someone stops it.
  expect(desk.list.map(({ session }) => session)).toEqual(['whole', 'small']);
  const stopped = await desk.stop('small');
  expect(stopped.error).toMatchObject({ code: 'recording.disk-full' });
  expect((await stopping(clock, desk.stop('whole'))).error).toBeNull();

  const rows = async (path: string): Promise<unknown[]> =>
    (await readFile(path, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ stream_type }) => stream_type === 'readings')
      .map(({ data }) => data['ch1.voltage']);
  const all = Array.from({ length: 100 }, (_, row) => row / 8);
  expect(await rows(whole.path)).toEqual(all);
  const kept = await rows(small.path);
  expect(kept.length).toBeGreaterThan(5);
  expect(kept.length).toBeLessThan(30);
  expect(kept, 'what was written stays whole').toEqual(all.slice(0, kept.length));
});

test('messages of whoever shares the bench are written among the rest', async () => {
  await using scope = new Scope('messages of others');
  const folder = await mkdtemp(join(tmpdir(), 'labwire-sessions-'));
  scope.defer(() => rm(folder, { recursive: true, force: true }));
  const clock = new ManualClock();
  const state = emptyState(folder);
  const board = new StateBoard({ ...state, settings: { ...state.settings, recordingsFolder: folder } });
  const desk = scope.use(
    new SessionDesk({ clock, fan: new SampleFan(), events: new EventLog(clock, board), board, version: '0' }),
  );
  const { path } = await desk.start({ session: 'one', options: undefined });
  expect(desk.write('one', { type: 'pong' })).toBe(true);
  expect(() => desk.write('other', { type: 'pong' })).toThrow(
    expect.objectContaining({ code: 'recording.session-unknown' }),
  );
  await stopping(clock, desk.stop('one'));
  const types = (await readFile(path, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).type);
  expect(types).toEqual(['metadata', 'pong']);
});

interface Rooms {
  clock: ManualClock;
  fan: SampleFan;
  registry: StreamRegistry;
  desk: SessionDesk;
  slept: boolean[];
}

async function openRooms(scope: Scope, disk: Disk = systemDisk): Promise<Rooms> {
  const folder = await mkdtemp(join(tmpdir(), 'labwire-sessions-'));
  scope.defer(() => rm(folder, { recursive: true, force: true }));
  const clock = new ManualClock(1_763_044_222_000_000_000n);
  const state = emptyState(folder);
  const board = new StateBoard({ ...state, settings: { ...state.settings, recordingsFolder: folder } });
  const fan = new SampleFan();
  const slept: boolean[] = [];
  const desk = scope.use(
    new SessionDesk({
      clock,
      fan,
      events: new EventLog(clock, board),
      board,
      version: '0',
      disk,
      blockSleep: (on) => void slept.push(on),
    }),
  );
  return { clock, fan, registry: new StreamRegistry(fan, clock), desk, slept };
}

test('rows that come out of the open batches after the stop are in the session', async () => {
  await using scope = new Scope('last rows');
  const { clock, fan, registry, desk } = await openRooms(scope);
  const columns = [{ channel: 'ch1.voltage', unit: 'V' }];
  using supply = new TimedStream(
    { registry, sink: fan, clock },
    { instrument: 'supply', stream: 'polled', columns, rateHz: 10 },
  );
  const { path } = await desk.start({ session: 'one', options: undefined });
  const stopped = desk.stop('one');
  // Measured before, and put together by its source until now.
  await clock.advance(16);
  supply.add([1.5], clock.nowNs() - 16_000_000n, clock.nowNs());
  // Asked twice, it ends once.
  const again = desk.stop('one');
  await clock.advance(40);
  expect(await stopped).toEqual(await again);
  expect(await readFile(path, 'utf8')).toContain('"ch1.voltage":1.5');
});

test('the system is kept awake as long as a session runs, and not for one that ended by itself', async () => {
  await using scope = new Scope('awake');
  let freeBytes = 1e12;
  const { clock, desk, slept } = await openRooms(scope, { ...systemDisk, freeBytes: async () => freeBytes });
  expect(slept).toEqual([]);
  await desk.start({ session: 'one', options: undefined });
  await desk.start({ session: 'two', options: undefined });
  expect(new Set(slept)).toEqual(new Set([true]));
  await stopping(clock, desk.stop('one'));
  expect(slept.at(-1)).toBe(true);
  freeBytes = 0;
  for (let tries = 0; tries < 100 && desk.list.every(({ error }) => !error); tries++) {
    await clock.advance(1000);
    // The disk is real.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await clock.advance(1000);
  expect(slept.at(-1)).toBe(false);
});

test('a session ends, whole, before the disk is full, and none is begun on a disk that almost is', async () => {
  await using scope = new Scope('reserve');
  let freeBytes = 1e12;
  const { clock, desk } = await openRooms(scope, { ...systemDisk, freeBytes: async () => freeBytes });
  const options = { format: 'lablink-json', gzip: false, timestamps: true, metadata: true, rotateBytes: 1e8 } as const;
  const { path } = await desk.start({ session: 'one', options });
  expect(desk.write('one', { type: 'pong' })).toBe(true);
  freeBytes = 1000;
  await expect(desk.start({ session: 'two', options })).rejects.toMatchObject({ code: 'recording.disk-full' });
  await clock.advance(1000);
  await expect.poll(() => desk.stats('one').error).toMatchObject({ code: 'recording.disk-full' });
  await clock.advance(1000);
  await stopping(clock, desk.stop('one'));
  const types = JSON.parse(await readFile(path, 'utf8')).map(({ type }: { type: string }) => type);
  expect(types.slice(0, 2)).toEqual(['metadata', 'pong']);
});
