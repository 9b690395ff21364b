import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { MemoryVolume } from '../../../test/fixtures/memory-volume.ts';
import { ABOUT } from '../../../test/fixtures/recording-source.ts';
import { type Batch, createBatch } from '../../core/batch.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { openRecording } from '../recording/recording.ts';
import { FedRecorder } from './fed-recorder.ts';

/** Rows of one column in a MiB. */
const MEBIBYTE = 1 << 18;
const COLUMNS = [{ channel: 'x', unit: 'V' }];
const INFO: StreamInfo = {
  id: 1,
  key: 'a/b',
  instrument: 'a',
  epoch: 1,
  kind: 'regular',
  columns: COLUMNS,
  rateHz: 1e6,
};

function batchAt(seq: number, rows: number): Batch {
  const t0Ns = BigInt(seq) * 1000n;
  return createBatch({
    stream: 1,
    rows,
    channels: 1,
    flags: 0,
    seq,
    lost: 0,
    t0Ns,
    arrivedNs: 0n,
    dtS: 1e-6,
    xOriginS: 0,
  });
}

async function openOn(volume: MemoryVolume, queueBytes: number): Promise<FedRecorder> {
  const limits = { queueBytes, reserveBytes: 0 };
  const fed = await FedRecorder.open({ folder: '/copy', name: 'copy', about: ABOUT, disk: volume, limits }, 0n);
  fed.recorder.streamOpened(INFO);
  return fed;
}

it('rows that come faster than the disk syncs wait for it, though the system takes every write at once', async () => {
  const volume = new MemoryVolume();
  volume.faults = {
    before: async (call) => {
      for (let turn = 0; call === 'sync' && turn < 50; turn++) await setImmediate();
    },
  };
  await using fed = await openOn(volume, 18 << 20);
  for (let at = 0; at < 24; at++) {
    fed.recorder.batch(batchAt(at * MEBIBYTE, MEBIBYTE));
    await fed.room();
  }
  const { paths } = await fed.finish('');
  await using copy = await openRecording(paths[0] ?? '', { disk: volume });
  expect(copy.streams.map(({ rows, lost }) => [rows, lost])).toEqual([[24 * MEBIBYTE, 0]]);
});

it('what was written while a sync ran is synced next, though nothing more is written', async () => {
  const volume = new MemoryVolume();
  await using fed = await openOn(volume, 64 << 20);
  volume.faults = {
    before: async (call) => {
      // The first sync ends when all is written; what it does not cover is more than may be held.
      while (call === 'sync' && fed.recorder.stats.queueBytes > 0) await setImmediate();
    },
  };
  fed.recorder.batch(batchAt(0, 4 * MEBIBYTE));
  fed.recorder.batch(batchAt(4 * MEBIBYTE, 20 * MEBIBYTE));
  await fed.room();
  expect(fed.recorder.stats.heldBytes).toBe(0);
});
