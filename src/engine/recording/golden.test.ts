import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readIndexed, readStreamed } from '../../../test/fixtures/mcap-peer.ts';
import { checkBatch, START_NS, valueAt } from '../../../test/fixtures/recording-source.ts';
import { readExchanges } from './recorded-exchanges.ts';
import { openRecording } from './recording.ts';
import { recordingRow } from './recording-row.ts';
import { verifyRecording } from './verify.ts';

/** A file of the first version of the format: every later version must read it the same. Never made anew. */
const GOLDEN = resolve(import.meta.dirname, '../../../test/fixtures/recordings/version-1.mcap');

it('a file of version 1 is read as it was recorded', async () => {
  await using recording = await openRecording(GOLDEN);
  const { info } = recording;
  expect(recording.parts[0]?.walk, 'it was read by its index').toBeUndefined();
  expect(info).toMatchObject({
    id: 'rec-golden',
    name: 'version-1',
    startedNs: START_NS,
    fromNs: START_NS,
    toNs: START_NS + 1_900_000_000n,
    durationSeconds: 2,
    complete: true,
    interrupted: false,
    missing: '',
    notes: 'a note, with "quotes"',
    lost: 50,
    gaps: [
      {
        stream: 'daq/data',
        seq: 200,
        fromNs: START_NS + 15_000_000n,
        toNs: START_NS + 20_000_000n,
        lost: 50,
        reason: 'packets lost',
      },
    ],
  });
  expect(info.events.map(({ kind, text }) => [kind, text])).toEqual([
    ['start', 'Recording continued after an interruption'],
    ['gap', 'packets lost'],
    ['note', 'µΩ°'],
    ['stop', 'Recording stopped'],
  ]);
  expect(info.instruments).toEqual([
    {
      id: 'supply',
      idn: 'MAKER,MODEL,SERIAL,1.0',
      resource: 'TCPIP::localhost::5025::SOCKET',
      role: 'supply',
      label: '',
      firmware: '',
      calibrated: '',
      settings: { 'ch1.output': true },
    },
    { id: 'daq', idn: '', resource: '', role: 'unknown', label: '', firmware: '', calibrated: '', settings: {} },
  ]);
  expect(info.channels.map(({ id, unit, samples }) => [id, unit, samples])).toEqual([
    ['supply/ch1.voltage', 'V', 20],
    ['supply/ch1.current', 'A', 20],
    ...[0, 1, 2, 3].map((index) => [`daq/ai${index}`, 'V', 300]),
  ]);
  let samples = 0;
  for await (const batch of recording.batches()) samples += checkBatch(batch);
  expect(samples).toBe(20 * 2 + 300 * 4);
  expect(await verifyRecording(recording)).toMatchObject({ ok: true, batches: 22, samples, lost: 50 });
  const row = recordingRow(recording);
  expect(row).toMatchObject({ state: 'complete', channels: 6, startedNs: String(START_NS) });
  expect(row.preview).toHaveLength(64);
  expect([row.preview[0], row.preview[63]]).toEqual([
    [0, 243.3828125],
    [8.13671875, 155.0625],
  ]);
});

describe.each(['lz4', 'zstd'])('a file with chunks packed by %s', (compression) => {
  const path = resolve(import.meta.dirname, `../../../test/fixtures/recordings/packed-${compression}.mcap`);

  it('is read as it was recorded', async () => {
    await using recording = await openRecording(path);
    const { info } = recording;
    expect(recording.parts[0]?.walk, 'it was read by its index').toBeUndefined();
    expect(info).toMatchObject({
      id: `rec-golden-${compression}`,
      complete: true,
      missing: '',
      operator: 'Somebody',
      bench: 'Bench 1',
      tags: ['golden', 'µ'],
      clock: { source: 'test clock', offsetS: 0.25, uncertaintyS: 0.001 },
      lost: 50,
      gaps: [{ stream: 'daq/data', seq: 200, lost: 50, reason: 'packets lost' }],
    });
    expect(info.channels.map(({ id, samples }) => [id, samples])).toEqual([
      ['supply/ch1.voltage', 20],
      ['supply/ch1.current', 20],
      ...[0, 1, 2, 3].map((index) => [`daq/ai${index}`, 300]),
    ]);
    let samples = 0;
    for await (const batch of recording.batches()) samples += checkBatch(batch);
    expect(samples).toBe(20 * 2 + 300 * 4);
    expect(await verifyRecording(recording)).toMatchObject({ ok: true, problems: [], batches: 22, samples, lost: 50 });
    const exchanges = [];
    for await (const { at, text } of readExchanges(recording)) exchanges.push([at, text]);
    expect(exchanges).toEqual(
      Array.from({ length: 20 }, (_, row) => [String(START_NS + BigInt(row) * 100_000_000n), `MEAS? ${row}`]),
    );
  });

  it('is the same to the readers of @mcap/core, plain messages included', async () => {
    const bytes = new Uint8Array(await readFile(path));
    const found = await readIndexed(bytes);
    expect([found.samples, readStreamed(bytes).samples]).toEqual([1240, 1240]);
    const plain = found.messages.get('supply/polled/plain') ?? [];
    expect(plain.map(({ data }) => JSON.parse(new TextDecoder().decode(data)).ch1_current)).toEqual(
      Array.from({ length: 20 }, (_, row) => valueAt(row, 1)),
    );
    // 10 a second of 35 ms: the first row.
    expect(found.messages.get('daq/data/plain')).toHaveLength(1);
  });
});
