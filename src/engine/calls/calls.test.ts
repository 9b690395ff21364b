import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleProgram } from '../../../test/fixtures/node-bundle.ts';
import { type Lab, openLab } from '../../../test/lab/lab.ts';
import type { LabScreen } from '../../../test/lab/lab-screen.ts';
import { connect, greet } from '../../contract/client.ts';
import { viewFrame } from '../../contract/frame-read.ts';
import type { Frame } from '../../contract/frames.ts';
import type { Link } from '../../contract/link.ts';
import { createMemoryLinks } from '../../contract/memory-link.ts';
import { openScopes } from '../../core/scope.ts';

/** Calls that engine.test.ts does not make: what a screen may not do, and where the answers of each kind go. */
let lab: Lab;
let screen: LabScreen;
let daq: string;

beforeAll(async () => {
  const exportWorker = await bundleProgram('src/engine/export/export-worker.ts', 'calls-export-worker');
  lab = await openLab({ usePtys: false, exportWorker });
  screen = await lab.screen();
  daq = await screen.attach(lab.resource('daq'));
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

test('a screen that may only look: sees and watches, and changes nothing', async () => {
  const [ours, theirs] = createMemoryLinks(setImmediate);
  lab.engine.serve(theirs, { rights: ['view'] });
  using client = connect(ours);
  await greet(client, 'guest');
  expect((await client.call('bench.read', {})).instruments).toHaveLength(1);
  const frame = new Promise<Frame>((resolve) => client.onFrame((bytes) => resolve(viewFrame(bytes))));
  await client.call('stream.watch', { channels: [`${daq}/load.voltage`], mode: { kind: 'latest', rateHz: 10 } });
  expect((await frame).blocks[0]).toMatchObject({ kind: 'latest' });
  await expect(client.call('outputs.off', {})).rejects.toMatchObject({ code: 'call.denied' });
  await expect(client.call('recording.start', {})).rejects.toMatchObject({ code: 'call.denied' });
  await expect(client.call('settings.set', { theme: 'dark' })).rejects.toMatchObject({ code: 'call.denied' });
});

test('a person can name every family, and is told which of their own definitions cannot be used', async () => {
  const before = await screen.client.call('driver.list', {});
  expect(before.families.find(({ id }) => id === 'rigol-dp800')).toMatchObject({
    title: 'Rigol DP800',
    role: 'supply',
  });
  expect(before.problems).toEqual([]);
  const path = join(lab.folder, 'instruments', 'bad.yaml');
  await writeFile(path, 'id: bad');
  await expect
    .poll(async () => (await screen.client.call('driver.list', {})).problems)
    .toEqual([{ file: 'bad.yaml', message: expect.stringContaining('bad.yaml is no definition') }]);
  await rm(path);
  await expect.poll(async () => (await screen.client.call('driver.list', {})).problems).toEqual([]);
});

test('settings are kept for the next engine; one that does not fit is refused', async () => {
  expect(await screen.client.call('settings.set', { theme: 'contrast', timeoutMs: 1500 })).toMatchObject({
    theme: 'contrast',
    timeoutMs: 1500,
  });
  const text = await readFile(join(lab.folder, 'settings.json'), 'utf8');
  expect(JSON.parse(text)).toMatchObject({ theme: 'contrast', timeoutMs: 1500 });
  await expect(screen.client.call('settings.set', { timeoutMs: 1 })).rejects.toMatchObject({ code: 'call.invalid' });
  await expect(screen.client.call('settings.set', { recordingsFolder: 'here' })).rejects.toMatchObject({
    code: 'call.invalid',
  });
  const other = await lab.screen();
  await Promise.all([
    screen.client.call('settings.set', { theme: 'light' }),
    other.client.call('settings.set', { timeoutMs: 1700 }),
  ]);
  expect(screen.state.settings, 'neither undoes the other').toMatchObject({ theme: 'light', timeoutMs: 1700 });
});

test('notes are on the time axis where they were put', async () => {
  const { startedNs } = await greet(screen.client, 'test');
  const at = String(BigInt(startedNs) + 5n);
  const note = await screen.client.call('note.add', { text: 'lid open', t: at });
  expect(note).toMatchObject({ kind: 'note', t: at });
  const { events } = await screen.client.call('event.list', { fromNs: at, toNs: at });
  expect(events.map(({ text }) => text)).toEqual(['lid open']);
});

test('history: every piece has come before the answer; raw rows and columns tell the same', async () => {
  const channel = `${daq}/load.voltage`;
  const { nowNs } = await greet(screen.client, 'test');
  const toNs = String(BigInt(nowNs) + 200_000_000n);
  await screen.watch([channel], { kind: 'latest', rateHz: 60 }, (block) => {
    return block.kind === 'latest' && block.timeNs > BigInt(toNs);
  });
  const frames: Frame[] = [];
  const stop = screen.client.onFrame((bytes) => {
    const frame = viewFrame(bytes);
    if (frame.blocks.some(({ isReply }) => isReply)) frames.push(frame);
  });
  const range = { channels: [channel], fromNs: nowNs, toNs };
  const columns = await screen.client.call('history.read', { ...range, request: 1, width: 100 });
  const raw = await screen.client.call('history.read', { ...range, request: 2, raw: true });
  stop();
  expect(columns).toMatchObject({ exact: true, nextNs: null });
  expect(raw.streams.map(({ key }) => key)).toEqual([`${daq}/samples`]);
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let [least, greatest, rows] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const block of frames.flatMap(({ blocks }) => blocks)) {
    if (block.kind === 'columns' && block.id === 1) {
      low = Math.min(low, ...(block.columns.min[0] ?? []));
      high = Math.max(high, ...(block.columns.max[0] ?? []));
    } else if (block.kind === 'raw' && block.id === 2) {
      rows += block.batch.rows;
      least = Math.min(least, ...(block.batch.columns[0] ?? []));
      greatest = Math.max(greatest, ...(block.batch.columns[0] ?? []));
    }
  }
  expect(rows).toBeGreaterThan(1000);
  // Columns at the edges reach a little beyond the range.
  expect(low).toBeLessThanOrEqual(least);
  expect(high).toBeGreaterThanOrEqual(greatest);
  await expect(
    screen.client.call('history.read', { ...range, request: 3, origin: 'no such recording' }),
  ).rejects.toMatchObject({ code: 'recording.unknown' });
});

test('watches: unknown ones are refused, credit for frames never sent too; too many are', async () => {
  const mode = { kind: 'latest', rateHz: 1 } as const;
  await expect(screen.client.call('watch.set', { watch: 999, mode })).rejects.toMatchObject({ code: 'call.invalid' });
  await expect(screen.client.call('watch.seen', { frame: 1e9 })).rejects.toMatchObject({ code: 'call.invalid' });
  const watches: number[] = [];
  const more = async (): Promise<void> => {
    for (;;) watches.push((await screen.client.call('stream.watch', { channels: ['nobody/x'], mode })).watch);
  };
  await expect(more()).rejects.toMatchObject({ code: 'call.limit' });
  expect(watches.length).toBeGreaterThan(50);
  for (const watch of watches) await screen.client.call('watch.close', { watch });
  await screen.client.call('watch.close', { watch: watches[0] ?? 0 });
});

test('an export without a path goes where a browser can fetch it; an export of nothing is refused', async () => {
  await screen.client.call('recording.start', { name: 'a/b: c' });
  await screen.untilValue(`${daq}/load.voltage`, () => true);
  const { recording } = await screen.client.call('recording.stop', {});
  const [job, again] = await Promise.all([
    screen.client.call('recording.export', { recording, format: 'csv' }),
    screen.client.call('recording.export', { recording, format: 'csv' }),
  ]);
  expect(again.path, 'neither takes the place of the other').not.toBe(job.path);
  const endOf = (wanted: string) =>
    screen.until('the export ended', ({ jobs }) => jobs.find(({ id, state }) => id === wanted && state !== 'running'));
  expect((await endOf(again.id)).state).toBe('done');
  const ended = await endOf(job.id);
  expect(ended).toMatchObject({ state: 'done', error: null });
  expect(ended.path?.startsWith(join(lab.folder, 'exports'))).toBe(true);
  expect((await stat(ended.path ?? '')).size).toBeGreaterThan(100);
  await expect(screen.client.call('recording.export', { recording: 'none', format: 'csv' })).rejects.toMatchObject({
    code: 'recording.unknown',
  });
  await expect(
    screen.client.call('recording.export', { recording, format: 'csv', path: 'relative.csv' }),
  ).rejects.toMatchObject({ code: 'call.invalid' });
  await screen.client.call('job.cancel', { job: job.id });
});

test('a file that comes into the folder of recordings is told to every screen', async () => {
  const { folder } = await screen.client.call('recording.list', {});
  const changed = new Promise<void>((resolve) => {
    const stop = screen.client.on('library.changed', () => {
      stop();
      resolve();
    });
  });
  await writeFile(join(folder, 'foreign.mcap'), 'nothing of ours');
  await changed;
  const { recordings } = await screen.client.call('recording.list', {});
  expect(recordings.map(({ name }) => name)).toContain('foreign.mcap');
});

test('what a screen that stood still has missed is counted for it, and for it alone', async () => {
  const frozen = await lab.screen('frozen');
  const pulses = (of: LabScreen, accept: (skippedRows: number) => boolean, count: number): Promise<void> =>
    new Promise((resolve) => {
      const stop = of.client.on('engine.pulse', ({ skippedRows }) => {
        if (!accept(skippedRows) || --count > 0) return;
        stop();
        resolve();
      });
    });
  // The other looks at a minute: what comes late on a busy machine is in its window still.
  for (const [one, windowS] of [
    [frozen, 0.1],
    [screen, 60],
  ] as const) {
    const mode = { kind: 'columns', windowS, width: 16 } as const;
    await one.client.call('stream.watch', { channels: [`${daq}/load.voltage`], mode });
  }
  // Two pulses are a second: ten windows. On a busy machine the device may have stood still in them; then once more.
  for (let missed = 0; missed === 0; ) {
    frozen.isFrozen = true;
    await pulses(frozen, () => true, 2);
    const keep = (rows: number): boolean => {
      missed = rows;
      return true;
    };
    const counted = pulses(frozen, keep, 2);
    frozen.thaw();
    await counted;
  }
  await pulses(screen, (rows) => rows === 0, 1);
});

test('one screen too many is refused and the others go on', async () => {
  const many: Link[] = [];
  const open = (): void => {
    const [ours, theirs] = createMemoryLinks(setImmediate);
    many.push(ours);
    lab.engine.serve(theirs, { rights: ['view'] });
  };
  expect(() => {
    for (let count = 0; count < 40; count++) open();
  }).toThrow(expect.objectContaining({ code: 'call.limit' }));
  expect(many.length).toBeLessThanOrEqual(32);
  for (const link of many) link.end('');
  expect((await screen.client.call('bench.read', {})).instruments).toHaveLength(1);
});
