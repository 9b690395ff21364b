import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MemoryVolume } from '../../../test/fixtures/memory-volume.ts';
import { createTestClock, STREAMED, streamedBatch } from '../../../test/fixtures/recording-source.ts';
import { LabHost } from '../../../test/lab/lab-host.ts';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { SampleFan } from '../acquisition/sample-fan.ts';
import { StreamRegistry } from '../acquisition/stream-registry.ts';
import { emptyState } from '../state/empty-state.ts';
import { EventLog } from '../state/event-log.ts';
import { StateBoard } from '../state/state-board.ts';
import { RecordingDesk } from './recording-desk.ts';

const IDENTITY = { maker: 'ACME', model: 'D1', serial: '1', firmware: '1' };
const DAQ = { id: 'daq', label: 'DAQ', resource: 'x', role: 'daq', identity: IDENTITY, values: {}, status: {} };

test('that a disk fills up is told half an hour before, once, with what happens then', async () => {
  const dataFolder = await mkdtemp(join(tmpdir(), 'labwire-space-'));
  const clock = createTestClock();
  const disk = new MemoryVolume();
  const state = emptyState(dataFolder);
  const board = new StateBoard({
    ...state,
    settings: { ...state.settings, recordingsFolder: '/disk', diskReserveBytes: 0 },
    instruments: [DAQ as unknown as InstrumentState],
  });
  const fan = new SampleFan();
  const host = new LabHost({});
  const events = new EventLog(clock, board);
  const parts = { dataFolder, version: '0', clock, fan, registry: new StreamRegistry(fan, clock), events, board, host };
  const desk = new RecordingDesk({ ...parts, disk });
  try {
    fan.streamOpened({ ...STREAMED, rateHz: 1000 });
    await desk.start({ name: 'night' }, 'test');
    let seq = 0;
    const record = async (seconds: number): Promise<void> => {
      for (let second = 0; second < seconds; second++) {
        fan.batch(streamedBatch(seq, 1000, 0, { ...STREAMED, rateHz: 1000 }));
        seq += 1000;
        await clock.advance(1000);
        // The disk answers beside the clock.
        for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
        desk.tick();
      }
    };
    const told = (): string[] => host.notices.filter((text) => text.includes('until the disk of'));
    await record(30);
    const perSecond = desk.state.bytes / 30;
    disk.freeSpace = perSecond * 3600;
    await record(30);
    expect(told()).toEqual([]);
    disk.freeSpace = perSecond * 1500;
    await record(60);
    expect(told()).toEqual([
      expect.stringMatching(/About 2\d min .* until the disk of \/disk is full.* “night”\. Then it waits for space/),
    ]);
    expect(events.between(0n, 1n << 62n).filter(({ text }) => text.includes('until the disk'))).toHaveLength(1);
    // Somebody frees space; hours later it fills up again.
    disk.freeSpace = perSecond * 40_000;
    await record(5);
    disk.freeSpace = perSecond * 300;
    await record(20);
    expect(told()).toHaveLength(2);
  } finally {
    const closing = desk[Symbol.asyncDispose]();
    await clock.advance(40);
    await closing;
    await host[Symbol.asyncDispose]();
    await rm(dataFolder, { recursive: true, force: true });
  }
});
