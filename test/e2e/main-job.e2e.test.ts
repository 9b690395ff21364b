import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRecording, type Recording } from '../../src/engine/recording/recording.ts';
import { verifyRecording } from '../../src/engine/recording/verify.ts';
import { type Bench, openBench } from '../../src/simulator/bench.ts';
import { readSentPackets } from '../../src/simulator/daq/daq-ledger.ts';
import type { LedgerEntry } from '../../src/simulator/ledger.ts';
import { type BrowserHost, openBrowserHost } from './browser-host.ts';

/**
 * The main job, as a person does it: attach five instruments by their addresses, switch the supply on, see the meter follow, record ten
 * seconds, open the recording. Then the file is compared, sample by sample, with what the simulated instruments say they sent.
 */

const RECORD_S = 10;
let folder: string;
let bench: Bench;
let host: BrowserHost;
let page: Page;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-main-job-'));
  bench = await openBench({ ledgerDir: join(folder, 'ledger') });
  const recordingsFolder = join(folder, 'recordings');
  host = await openBrowserHost({ settings: { startSimulator: false, recordingsFolder } });
  page = host.page;
});

afterAll(async () => {
  await host?.[Symbol.asyncDispose]();
  await bench?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

describe('the main job', () => {
  it('attaches all five by their addresses', async () => {
    await page.getByText('Live', { exact: true }).waitFor();
    await page
      .getByRole('button', { name: /^attach/i })
      .first()
      .click();
    const dialog = page.getByRole('dialog');
    for (const [index, { resources }] of bench.instruments.entries()) {
      await dialog.getByRole('textbox').fill(resources[0] ?? '');
      await page.keyboard.press('Enter');
      await dialog.getByText('Attached', { exact: true }).nth(index).waitFor();
      await page.waitForFunction(() => document.querySelector<HTMLInputElement>('dialog input')?.value === '');
    }
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    await page.getByText('5 instruments', { exact: true }).first().waitFor();
  });

  it('switches the supply on and sees the meter follow', async () => {
    const setpoint = page.getByLabel('CH1 voltage', { exact: true });
    await setpoint.fill('4v5');
    await setpoint.press('Enter');
    await page.getByRole('switch', { name: 'CH1 output' }).click();
    await page.waitForFunction(() => {
      const card = [...document.querySelectorAll('article, section, [role=group]')].find((element) =>
        /^\s*Multimeter/.test(element.textContent ?? ''),
      );
      const digits = /-?\d+\.[\d\s]*\d/.exec(card?.textContent?.replace(/.*?MY\d+/, '') ?? '')?.[0].replace(/\s/g, '');
      return Number(digits) > 4.2 && Number(digits) < 4.6;
    });
    expect(bench.circuit).toBeDefined();
  });

  it('records ten seconds and shows the recording', async () => {
    await page.getByRole('button', { name: 'Record', exact: true }).click();
    await page.getByRole('button', { name: /stop recording/i }).waitFor();
    // Each second is shown for a second: the page may be slower.
    await page
      .getByTestId('record')
      .getByText(/00:(00:[1-5]|0[1-9]:|[1-5]\d:)\d/)
      .waitFor();
    await page.getByRole('button', { name: /stop recording/i }).click();
    await page.getByRole('button', { name: 'Record', exact: true }).waitFor();
    await page.keyboard.press('Control+3');
    await page.getByText('complete').first().waitFor();
    await page
      .getByText(/Bench 1/)
      .nth(1)
      .click();
    await page.getByRole('button', { name: /open in plot/i }).click();
    await page.locator('canvas').first().waitFor();
  });

  it('has every sample that was sent, and no other', async () => {
    await bench.flushLedger();
    const files = await readdir(join(folder, 'recordings'));
    await using recording = await openRecording(
      join(folder, 'recordings', files.find((name) => name.endsWith('.mcap')) ?? ''),
    );
    expect(recording.info).toMatchObject({ complete: true, lost: 0, missing: '' });
    expect(await verifyRecording(recording)).toMatchObject({ ok: true, lost: 0, problems: [] });
    expect(recording.info.instruments).toHaveLength(5);
    for (const [name, part] of [
      ['supply', 'DP832'],
      ['meter', '34461A'],
      ['scope', 'DS1054Z'],
      ['load', 'SDL1020X'],
    ] as const) {
      const recorded = await recordedRows(recording, part);
      // On a busy machine it is asked less often.
      expect(recorded.length, name).toBeGreaterThanOrEqual(2);
      expect(isRun(recorded, await sentRows(name)), `${name}: recorded rows are a run of the rows sent`).toBe(true);
    }
    await compareStream(recording);
  });

  it('threw and logged nothing', () => {
    expect(host.complaints).toEqual([]);
  });
});

/** Rows of a polled instrument as recorded, without provenance. */
async function recordedRows(recording: Recording, part: string): Promise<number[][]> {
  const streams = recording.streams.filter(({ info }) => info.key.includes(part) && info.kind === 'timed');
  expect(streams).toHaveLength(1);
  const rows: number[][] = [];
  for await (const batch of recording.batches({ streams: streams.map(({ info }) => info.id) })) {
    const columns = batch.columns.filter((_, index) => !streams[0]?.info.columns[index]?.channel.startsWith('~'));
    for (let row = 0; row < batch.rows; row++) rows.push(columns.map((column) => column[row] ?? Number.NaN));
  }
  return rows;
}

/** The numbers of each measuring reply, read by other code than the driver's. */
async function sentRows(name: string): Promise<number[][]> {
  const text = await readFile(join(folder, 'ledger', `${name}.jsonl`), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as LedgerEntry)
    .filter(({ query }) => /:MEAS:ALL\?|:READ\?|:MEAS:ITEM\?|:MEAS:VOLT\?/.test(query))
    .map(({ reply = '' }) =>
      reply
        .split(/[;,]/)
        .filter((token) => !token.startsWith('"'))
        .map(Number),
    );
}

/** Whether `rows` stand in `all` one after the other. */
function isRun(rows: number[][], all: number[][]): boolean {
  const texts = all.map((row) => row.join());
  const wanted = rows.map((row) => row.join());
  return texts.some((_, start) => wanted.every((text, index) => texts[start + index] === text));
}

/** Codes recorded against codes sent, row by row and channel by channel. */
async function compareStream(recording: Recording): Promise<void> {
  const [stream] = recording.streams.filter(({ info }) => info.kind === 'regular');
  if (!stream) throw new Error('no stream of the DAQ was recorded');
  const { columns, id } = stream.info;
  const packets = await readSentPackets(join(folder, 'ledger'));
  const run = packets.at(-1)?.run;
  const sent = packets.filter((packet) => packet.run === run);
  const first = sent[0]?.firstRow ?? 0;
  let compared = 0;
  let wrong = 0;
  let at = 0;
  for await (const batch of recording.batches({ streams: [id] })) {
    for (let row = 0; row < batch.rows; row++) {
      const wanted = first + batch.seq + row;
      while ((sent[at]?.firstRow ?? Number.POSITIVE_INFINITY) + (sent[at]?.rows ?? 0) <= wanted) at++;
      const packet = sent[at];
      if (!packet || packet.firstRow > wanted) {
        wrong++;
        continue;
      }
      columns.forEach(({ scale = 1, offset = 0 }, channel) => {
        const code = packet.codes[channel * packet.rows + (wanted - packet.firstRow)] ?? Number.NaN;
        const value = batch.columns[channel]?.[row] ?? Number.NaN;
        compared++;
        if (value !== Math.fround(Math.fround(code * scale) + offset) && value !== Math.fround(code * scale + offset))
          wrong++;
      });
    }
  }
  expect(wrong).toBe(0);
  expect(compared).toBeGreaterThan(stream.info.rateHz * RECORD_S * 0.9 * columns.length);
}
