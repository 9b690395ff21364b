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
  readonly #rows: number[] = [];
  readonly #times: bigint[] = [];
  #next = 0;
  compared = 0;
  fault: string | undefined;

  see({ seq, t0Ns }: Pick<Batch, 'seq' | 't0Ns'>): void {
    this.#rows.push(seq);
    this.#times.push(t0Ns);
  }

  /** How many of them are of rows from the first up to the last of a recording. */
  within(firstRow: number, endRow: number): number {
    return this.#rows.filter((row) => row >= firstRow && row < endRow).length;
  }

  /** Batches of the file come in order: a row has the time it had live (1 ns: how two batches round). */
  compare(batch: Batch): void {
    for (
      let row = this.#rows[this.#next];
      row !== undefined && row < batch.seq + batch.rows;
      row = this.#rows[++this.#next]
    ) {
      if (row < batch.seq) continue;
      const live = this.#times[this.#next] ?? 0n;
      const off = rowTimeNs(batch, row - batch.seq) - live;
      if (off < -1n || off > 1n) this.fault ??= `row ${row} is ${off} ns from where it was live (${live})`;
      this.compared++;
    }
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
    let [firstNs, firstRow, rows] = [0n, 0, 0];
    for await (const batch of recording.batches()) {
      check.batch(batch);
      live.compare(batch);
      if (batch.t0Ns <= lastNs) backwards++;
      lastNs = rowTimeNs(batch, batch.rows - 1);
      if (rows === 0) [firstNs, firstRow] = [batch.t0Ns, batch.seq];
      rows += batch.rows;
    }
    expect(check.fault).toBeUndefined();
    expect(check.samples, 'samples in the file, and samples the recorder counted').toBe(stopped.samples);
    expect(live.fault).toBeUndefined();
    const seen = live.within(firstRow, firstRow + rows);
    expect(live.compared, 'rows seen live whose time was compared').toBe(seen);
    expect(seen).toBeGreaterThan(SECONDS);
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
        `${live.compared} rows seen live, each within 1 ns of its time then; flight recorder ${parts.length} parts`,
    );
  },
  (2 * SECONDS + 300) * 1000,
);
