import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Batch, rowTimeNs } from '../../src/core/batch.ts';
import { openScopes } from '../../src/core/scope.ts';
import { openRecording } from '../../src/engine/recording/recording.ts';
import { verifyRecording } from '../../src/engine/recording/verify.ts';
import type { LabScreen } from '../lab/lab-screen.ts';
import { type LabwireProcess, openScreen, startEngine, untilRecorded } from './labwire-process.ts';
import { RampCheck } from './ramp-check.ts';

const CHANNELS = 10;
const RATE_HZ = 100_000;
const SECONDS = Number(process.env.LABWIRE_SOAK_LONG_SECONDS ?? 600);

let folder: string;
let engine: LabwireProcess;
let screen: LabScreen;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-long-'));
  engine = await startEngine(folder);
  screen = await openScreen(folder);
});

afterAll(async () => {
  screen?.[Symbol.dispose]();
  await engine?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
  expect(openScopes()).toEqual([]);
});

/** What a screen saw of the live stream: the time of the first row of every batch it got. */
class LiveTimes {
  readonly #times = new Map<number, bigint>();
  compared = 0;
  fault: string | undefined;

  see({ seq, t0Ns }: Pick<Batch, 'seq' | 't0Ns'>): void {
    this.#times.set(seq, t0Ns);
  }

  get seen(): number {
    return this.#times.size;
  }

  /** A row in the file has the time it had live, to the ns. */
  compare(batch: Batch): void {
    const live = this.#times.get(batch.seq);
    if (live === undefined) return;
    this.compared++;
    if (live !== batch.t0Ns) this.fault ??= `row ${batch.seq} at ${batch.t0Ns}, live at ${live}`;
  }
}

test(
  `10 channels at 100 kS/s for ${SECONDS} s, the flight recorder on: every sample sent is in the file once, in order, with its time`,
  async () => {
    const { client } = screen;
    const { instruments } = await client.call('bench.start', {});
    const resource = instruments.find(({ name }) => name === 'daq')?.resources[0] ?? '';
    for (const text of [`RATE ${RATE_HZ}`, `CHAN ${CHANNELS}`, 'SIGN RAMP'])
      await client.call('resource.query', { resource, text });
    const daq = await screen.attach(resource);
    const info = await screen.until('the stream', ({ streams }) =>
      streams.find(({ instrument }) => instrument === daq),
    );
    expect(info).toMatchObject({ rateHz: RATE_HZ, columns: { length: CHANNELS } });
    const names = info.columns.map(({ channel }) => `${daq}/${channel}`);
    const live = new LiveTimes();
    let isOver = false;
    const watching = screen.watch(
      names,
      { kind: 'raw' },
      (block) => {
        if (block.kind === 'raw') live.see(block.batch);
        return isOver;
      },
      (SECONDS + 120) * 1000,
    );

    await client.call('recording.start', { name: 'long' });
    await untilRecorded(screen, ({ samples }) => samples >= SECONDS * RATE_HZ * CHANNELS);
    const flight = screen.state.flight;
    const stopped = await client.call('recording.stop', {});
    isOver = true;
    await watching;

    expect(flight.state).toBe('recording');
    expect(flight.bytes).toBeGreaterThan(0);
    expect(stopped.lost).toBe(0);
    await using recording = await openRecording(stopped.paths[0] ?? '', { parts: stopped.paths.slice(1) });
    expect(recording.info).toMatchObject({ complete: true, missing: '', lost: 0, gaps: [] });
    const check = new RampCheck(info);
    let lastNs = 0n;
    let backwards = 0;
    let [firstNs, rows] = [0n, 0];
    for await (const batch of recording.batches()) {
      check.batch(batch);
      live.compare(batch);
      if (batch.t0Ns <= lastNs) backwards++;
      lastNs = rowTimeNs(batch, batch.rows - 1);
      if (rows === 0) firstNs = batch.t0Ns;
      rows += batch.rows;
    }
    expect(check.fault).toBeUndefined();
    expect(check.samples, 'samples in the file, and samples the recorder counted').toBe(stopped.samples);
    expect(live.fault).toBeUndefined();
    expect(live.compared).toBeGreaterThan(0.5 * live.seen);
    expect(backwards).toBe(0);
    // Both clocks are of this machine: so many rows took so long.
    const spanS = Number(lastNs - firstNs) / 1e9;
    expect(Math.abs(spanS - (rows - 1) / RATE_HZ)).toBeLessThan(0.05 + spanS * 1e-3);
    const verified = await verifyRecording(recording);
    expect(verified).toMatchObject({ ok: true, problems: [] });
    const parts = (await readdir(join(folder, 'flight'))).filter((name) => /\.mcap(\.part)?$/.test(name));
    expect(parts.length).toBeGreaterThan(0);
    console.log(
      `${(stopped.samples / 1e6).toFixed(1)} M samples in ${spanS.toFixed(1)} s, ${(recording.info.bytes / 1e6).toFixed(0)} MB in ${stopped.paths.length} parts, 0 unaccounted; ` +
        `${live.compared} of ${live.seen} batches seen live compared by time; flight recorder ${parts.length} parts`,
    );
  },
  (2 * SECONDS + 300) * 1000,
);
