import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LabError } from '../../core/errors.ts';
import { openScopes } from '../../core/scope.ts';
import { parseIdentity } from '../../protocol/idn.ts';
import { type Bench, openBench } from '../../simulator/bench.ts';
import { readSentLines, readSentPackets } from '../../simulator/daq/daq-ledger.ts';
import { rampCode } from '../../simulator/daq/signal.ts';
import { openSession } from '../session/open-session.ts';
import type { Session } from '../session/session.ts';
import { createSystemClock } from '../system-clock.ts';
import type { Driver, StreamRows } from './driver.ts';
import { daqFamily } from './stream-daq.ts';

const clock = createSystemClock();
let folder: string;
let bench: Bench;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-test-'));
  bench = await openBench({ ledgerDir: folder });
});

afterEach(async () => {
  await bench[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
  expect(openScopes()).toEqual([]);
});

interface Attached extends AsyncDisposable {
  session: Session;
  driver: Driver;
  errors: LabError[];
}

async function attach(way: 0 | 1): Promise<Attached> {
  const resource = bench.instruments.find(({ name }) => name === 'daq')?.resources[way] ?? '';
  const session = await openSession({ resource, clock });
  const errors: LabError[] = [];
  const identity = parseIdentity(await session.query('*IDN?'));
  expect(daqFamily.matches(identity)).toBe(true);
  const driver = await daqFamily.open({ session, clock, identity, report: (error) => errors.push(error) });
  return {
    session,
    driver,
    errors,
    async [Symbol.asyncDispose]() {
      await driver[Symbol.asyncDispose]();
      await session[Symbol.asyncDispose]();
    },
  };
}

/** Collects a stream; `reached(n)` resolves when n rows of the run have come. */
function collect(driver: Driver) {
  const stop = new AbortController();
  const opened: { rateHz: number; channels: string[] }[] = [];
  let runs: number[][] = [];
  let rows = 0;
  let lost = 0;
  let malformed = 0;
  let waiting: { rows: number; resolve: () => void } | undefined;
  const add = (piece: StreamRows): void => {
    lost += piece.lost;
    for (let row = 0; row < piece.rows; row++) runs.push(piece.columns.map((column) => column[row] ?? 0));
    rows += piece.rows;
    if (waiting && rows >= waiting.rows) waiting.resolve();
  };
  const done =
    driver.stream?.(
      {
        opened: (info) => {
          opened.push({ rateHz: info.rateHz, channels: info.columns.map(({ channel }) => channel) });
          runs = [];
          rows = 0;
          lost = 0;
        },
        rows: add,
        gap: () => undefined,
        silent: () => undefined,
        malformed: (count) => {
          malformed = count;
        },
      },
      stop.signal,
    ) ?? Promise.reject(new Error('no stream'));
  return {
    opened,
    done,
    stop: () => stop.abort(),
    reached: (count: number) =>
      Promise.race([
        done,
        new Promise<void>((resolve) => {
          waiting = { rows: count, resolve };
          add({ columns: [], rows: 0, lost: 0, arrivedNs: 0n });
        }),
      ]),
    get rows() {
      return runs;
    },
    get lost() {
      return lost;
    },
    get malformed() {
      return malformed;
    },
  };
}

const never = new AbortController().signal;

test('packets: every sample as the simulator says it sent it', async () => {
  await using daq = await attach(0);
  await daq.driver.setControl('rate', 50_000, never);
  const heard = collect(daq.driver);
  await heard.reached(20_000);
  heard.stop();
  await heard.done;
  await bench.flushLedger();
  const sent = await readSentPackets(folder);
  expect(heard.opened).toHaveLength(1);
  expect(heard.opened[0]?.rateHz).toBe(50_000);
  expect(heard.opened[0]?.channels).toHaveLength(10);
  expect([heard.lost, heard.malformed]).toEqual([0, 0]);
  const scales = (await daq.session.query('CHAN:SCAL?')).split(',').map(Number);
  const expected = sent.flatMap(({ rows, codes }) =>
    Array.from({ length: rows }, (_, row) =>
      scales.map((scale, channel) => Math.fround((codes[channel * rows + row] ?? 0) * scale)),
    ),
  );
  expect(heard.rows.length).toBe(expected.length);
  expect(heard.rows).toEqual(expected);
});

test('text lines over the serial line: every sample as sent', async () => {
  await using daq = await attach(1);
  const heard = collect(daq.driver);
  await heard.reached(300);
  heard.stop();
  await heard.done;
  await bench.flushLedger();
  const sent = await readSentLines(folder);
  expect(heard.opened[0]?.channels).toHaveLength(8);
  expect([heard.lost, heard.malformed]).toEqual([0, 0]);
  expect(heard.rows).toEqual(sent.map(({ text }) => text.split(',').map(Number)));
});

test('settings while streaming: the run ends in order, the next has them', async () => {
  await using daq = await attach(0);
  const heard = collect(daq.driver);
  await heard.reached(100);
  expect(await daq.driver.readControls(undefined, never)).toMatchObject({ rate: 10_000, channels: 10, running: true });
  expect(await daq.driver.setControl('rate', 2000, never)).toMatchObject({ rate: 2000 });
  expect(await daq.driver.setControl('channels', 3, never)).toMatchObject({ channels: 3 });
  expect(await daq.driver.setControl('signal', 'ramp', never)).toMatchObject({ signal: 'ramp' });
  while (heard.opened.at(-1)?.channels.length !== 3) await new Promise((resolve) => setImmediate(resolve));
  await heard.reached(50);
  expect(heard.opened.at(-1)).toEqual({ rateHz: 2000, channels: ['supply.voltage', 'load.voltage', 'supply.current'] });
  expect(heard.rows[7]?.[2]).toBe(Math.fround(rampCode(7, 2) * 0.0002));
  expect(await daq.driver.setControl('running', false, never)).toEqual({ running: false });
  expect(await daq.session.query('RUNN?')).toBe('0');
  const before = heard.opened.length;
  await daq.driver.setControl('running', true, never);
  while (heard.opened.length === before) await new Promise((resolve) => setImmediate(resolve));
  await heard.reached(10);
  await expect(daq.session.query('RUNN?')).rejects.toMatchObject({ code: 'instrument.busy' });
  heard.stop();
  await heard.done;
  expect(daq.errors).toEqual([]);
});

test('what the DAQ refuses is an error, and the stream goes on', async () => {
  await using daq = await attach(0);
  const heard = collect(daq.driver);
  await heard.reached(10);
  await expect(daq.driver.setControl('rate', 5e6, never)).rejects.toMatchObject({ code: 'instrument.rejected' });
  await heard.reached(10);
  heard.stop();
  await heard.done;
});

test.each(['drop', 'garbage', 'wrong-order', 'split'] as const)(
  'fault %s: lost rows are counted, none is invented',
  async (kind) => {
    await using daq = await attach(0);
    await daq.driver.setControl('signal', 'ramp', never);
    const heard = collect(daq.driver);
    await heard.reached(100);
    bench.setFault('daq', { kind, probability: 0.3, count: 20 });
    await heard.reached(heard.rows.length + 3000);
    bench.setFault('daq', { kind: null });
    await heard.reached(heard.rows.length + 1000);
    heard.stop();
    await heard.done;
    if (kind === 'drop' || kind === 'wrong-order') expect(heard.lost).toBeGreaterThan(0);
    // The row of a ramp is in its values: 16 bits of it.
    const scale = 0.001;
    let wrong = 0;
    let previous = -1;
    for (const values of heard.rows) {
      const row = Math.round((values[0] ?? 0) / scale) + 32_768;
      const second = Math.fround(rampCode(row, 1) * scale);
      if (values[1] !== second || ((row - previous) & 0xffff) === 0) wrong++;
      previous = row;
    }
    expect(wrong).toBe(0);
    expect((previous + 1 - heard.rows.length - heard.lost) & 0xffff).toBe(0);
  },
);

test('a wire that ends is told with its code', async () => {
  await using daq = await attach(0);
  const heard = collect(daq.driver);
  await heard.reached(10);
  bench.setFault('daq', { kind: 'disconnect', count: 1 });
  await expect(heard.done).rejects.toBeInstanceOf(LabError);
  await expect(heard.done).rejects.toMatchObject({ code: 'transport.closed' });
});
