import { afterEach, beforeEach, expect, test } from 'vitest';
import { MovedTime } from '../../../test/fixtures/moved-time.ts';
import { type Lab, openLab } from '../../../test/lab/lab.ts';
import type { RecordingState } from '../../contract/recording-schema.ts';
import { rowTimeNs } from '../../core/batch.ts';
import { openScopes } from '../../core/scope.ts';
import { openRecording } from '../recording/recording.ts';
import { createSystemClock } from '../system-clock.ts';

let lab: Lab;
const time = new MovedTime();

beforeEach(async () => {
  lab = await openLab({ usePtys: false, clock: createSystemClock(time), wallMs: time.wallMs });
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

const SLEEP_S = 8 * 3600;

test('a recording over a sleep of the system: a gap in every stream, right times after it, and the file says so; a clock that is set is told as that', async () => {
  const screen = await lab.screen();
  const supply = await screen.attach(lab.resource('supply'));
  const daq = await screen.attach(lab.resource('daq'));
  const pulse = (isWanted: (state: RecordingState) => boolean): Promise<void> =>
    new Promise((resolve) => {
      const stop = screen.client.on('engine.pulse', ({ recording }) => {
        if (!isWanted(recording)) return;
        stop();
        resolve();
      });
    });
  const { startedNs } = await screen.client.call('recording.start', { name: 'night' });
  await pulse(({ rows }) => rows > 2000);
  const sleptS = time.wallMs() / 1000;
  time.sleep(SLEEP_S * 1000);
  const wokeS = time.wallMs() / 1000;
  await screen.until('the sleep', ({ events }) => events.some(({ text }) => text.includes('slept for 8 h 0 min')));
  let rows = Number.POSITIVE_INFINITY;
  await pulse((state) => {
    rows = Math.min(rows, state.rows);
    return state.rows > rows + 5000;
  });
  const setS = time.wallMs() / 1000;
  time.set(5000);
  await screen.until('the step', ({ events }) => events.some(({ text }) => text.includes('was set 5.0 s ahead')));
  // The description follows with the next look at the recording.
  await pulse(() => true);
  await pulse(() => true);
  const { recording: id, paths } = await screen.client.call('recording.stop', {});
  const stoppedS = time.wallMs() / 1000 - 5;
  const info = await screen.client.call('recording.info', { recording: id });

  const sleeps = info.gaps.filter(({ reason }) => reason.startsWith('sleep: the system slept for 8 h 0 min'));
  expect(new Set(sleeps.map(({ stream }) => stream.split('/').slice(0, -1).join('/')))).toEqual(new Set([supply, daq]));
  expect(info.clock).toEqual({
    source: expect.stringContaining('and the sleep of the system (1 so far, 8 h 0 min in all)'),
    offsetS: expect.closeTo(5, 0),
    uncertaintyS: 0.1,
  });
  expect(info.events.filter(({ kind }) => kind === 'clock').map(({ data }) => data)).toEqual([
    expect.objectContaining({ sleptS: expect.closeTo(SLEEP_S, 0) }),
    expect.objectContaining({ stepS: expect.closeTo(5, 0) }),
  ]);
  expect(info.row.durationS).toBeGreaterThan(SLEEP_S);

  await using recording = await openRecording(paths[0] ?? '');
  const after = new Set<string>();
  for await (const batch of recording.batches()) {
    const stream = recording.streams.find((one) => one.info.id === batch.stream)?.info;
    const doubt = stream?.columns.findIndex(({ channel }) => channel === '~uncertainty') ?? -1;
    for (let row = 0; row < batch.rows; row++) {
      const atS = Number(rowTimeNs(batch, row)) / 1e9;
      const withinS = 0.1 + (batch.columns[doubt]?.[row] ?? 0);
      expect(atS + withinS).toBeGreaterThan(Number(startedNs) / 1e9 - 1);
      expect(atS - withinS).toBeLessThan(stoppedS);
      // Not in the sleep, unless it says itself that it may be of either end.
      expect(atS - withinS < sleptS || atS + withinS > wokeS, `${stream?.key} ${atS}`).toBe(true);
      if (atS > wokeS && atS < setS) after.add(stream?.instrument ?? '');
    }
  }
  expect(after).toEqual(new Set([supply, daq]));
});
