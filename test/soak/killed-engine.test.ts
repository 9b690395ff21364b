import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { openRecording, type Recording } from '../../src/engine/recording/recording.ts';
import { verifyRecording } from '../../src/engine/recording/verify.ts';
import type { LedgerEntry } from '../../src/simulator/ledger.ts';
import { openScreen, startBench, startEngine, untilRecorded } from './labwire-process.ts';
import { RampCheck } from './ramp-check.ts';

/** A chunk is closed each 0.75 s; the rest is for batching and writing. The row before it may be an interval old. */
const LAST_S = 1;

let folder: string;
let bench: Awaited<ReturnType<typeof startBench>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-kill-'));
  bench = await startBench(['--data', join(folder, 'bench'), '--ledger', join(folder, 'ledger')]);
});

afterAll(async () => {
  await bench?.process[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
  expect(openScopes()).toEqual([]);
});

/** What the supply was asked to do, and asked, since a time. */
async function askedOfSupply(sinceNs: bigint): Promise<string[]> {
  const lines = (await readFile(join(folder, 'ledger', 'supply.jsonl'), 'utf8')).trim().split('\n');
  return lines
    .map((line) => JSON.parse(line) as LedgerEntry)
    .flatMap(({ at, query }) => (BigInt(at) >= sinceNs ? [query] : []));
}

/** Everything but the last second of each stream is in the file. */
function expectAllButLastSecond(recording: Recording, killedNs: bigint): void {
  for (const { info, lastNs, lost } of recording.streams.filter(({ rows }) => rows > 0)) {
    expect(Number(killedNs - lastNs) / 1e9, info.key).toBeLessThan(LAST_S + 1 / info.rateHz);
    expect(lost, info.key).toBe(0);
  }
}

test.each([
  ['10 Hz', 'supply', undefined],
  ['10 × 1 MS/s', 'daq', 1_000_000],
])(
  'kill -9 while recording at %s: all but the last second is kept, no output changes, the recording goes on',
  async (name, instrument, rateHz) => {
    const dataFolder = join(folder, instrument);
    await mkdir(dataFolder);
    await writeFile(join(dataFolder, 'settings.json'), JSON.stringify({ startSimulator: false }));
    let killedNs: bigint;
    let path: string;
    {
      await using engine = await startEngine(dataFolder);
      using screen = await openScreen(dataFolder);
      const { client } = screen;
      const resource = bench.resource(instrument);
      const supply = await screen.attach(bench.resource('supply'));
      for (const [control, value] of [
        ['ch1.voltage.set', 3],
        ['ch1.output', true],
      ] as const) {
        await client.call('instrument.set', { instrument: supply, control, value });
      }
      if (rateHz === undefined) {
        await screen.untilValue(`${supply}/ch1.voltage`, (volts) => volts > 2);
        for (const { id } of screen.state.channels) await client.call('channel.set', { channel: id, rateHz: 10 });
      } else {
        for (const text of [`RATE ${rateHz}`, 'SIGN RAMP']) await client.call('resource.query', { resource, text });
        await screen.attach(resource);
        await screen.until('the stream', ({ streams }) => streams.some(({ kind }) => kind === 'regular'));
      }
      // Saved by itself within a second of the last change.
      const savedNs = screen.state.bench.savedNs;
      await screen.until('the bench saved', ({ bench: { savedNs: now } }) => now !== null && now !== savedNs);
      path = (await client.call('recording.start', { name: 'killed' })).path;
      await untilRecorded(screen, ({ rows }) => rows >= 3 * (rateHz ?? 10));
      killedNs = BigInt(Date.now()) * 1_000_000n;
      await engine.kill(dataFolder);
    }

    // Before anything mends it: the file as the crash left it.
    {
      await using recording = await openRecording(path);
      expect(recording.info).toMatchObject({ complete: false, interrupted: true });
      expect(recording.info.missing).not.toBe('');
      expectAllButLastSecond(recording, killedNs);
      if (rateHz !== undefined) await expectRamp(recording);
    }

    await using _engine = await startEngine(dataFolder);
    using screen = await openScreen(dataFolder);
    await screen.until(
      'the recording goes on',
      ({ recording: { state, part } }) => state === 'recording' && part === 2,
    );
    await screen.until('its instruments live', ({ instruments }) => {
      return (
        instruments.length === (rateHz === undefined ? 1 : 2) && instruments.every(({ state }) => state === 'live')
      );
    });
    await untilRecorded(screen, ({ rows }) => rows >= 2 * (rateHz ?? 10));
    const { recording: id, paths } = await screen.client.call('recording.stop', {});
    const info = await screen.client.call('recording.info', { recording: id });
    expect(info).toMatchObject({ complete: false, row: { state: 'recovered' } });
    expect(info.row.paths).toHaveLength(2);
    expect(info.missing).not.toBe('');
    expect(info.events.filter(({ kind }) => kind === 'interrupted').length).toBeGreaterThan(0);
    {
      await using recording = await openRecording(paths[0] ?? '');
      const report = await verifyRecording(recording);
      expect(report.problems).toEqual([recording.info.missing]);
      if (rateHz !== undefined) await expectRamp(recording);
    }

    const asked = await askedOfSupply(killedNs);
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter((text) => !text.split(';').every((part) => part.includes('?')))).toEqual([]);
    const { reply } = await screen.client.call('resource.query', {
      resource: bench.resource('supply'),
      text: ':OUTP? CH1',
    });
    expect(reply).toMatch(/^(ON|1)$/);
    console.log(`${name}: ${info.missing}`);
  },
);

/** Every stream of the DAQ is a run of the ramp from its first row on. */
async function expectRamp(recording: Recording): Promise<void> {
  const streams = recording.streams.filter(({ info, rows }) => info.kind === 'regular' && rows > 0);
  expect(streams.length).toBeGreaterThan(0);
  for (const { info } of streams) {
    const check = new RampCheck(info);
    for await (const batch of recording.batches({ streams: [info.id] })) check.batch(batch);
    expect(check.fault).toBeUndefined();
    expect(check.samples).toBeGreaterThan(info.rateHz);
  }
}
