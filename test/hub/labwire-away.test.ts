import { afterEach, expect, test } from 'vitest';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { checkSequence, keyOf } from './labwire-lab.ts';
import { LabwireProbe } from './labwire-probe.ts';

let lab: HubLab;

afterEach(() => lab[Symbol.asyncDispose]());

interface Away {
  token: string;
  key: string;
  wish: Record<string, unknown>;
  resume: { token: string; streams: { key: string; epoch: number; seq: number }[] };
  /** Number after the last row the hub had of the old numbering. */
  endRow: number;
}

/** A client that had rows and lost its socket; then more rows came, and the instrument was taken away. */
async function loseAndDetach(): Promise<Away> {
  lab = await openHubLab({ attach: ['supply'] });
  await lab.screen.until('streams', ({ streams }) => streams.length > 0);
  const token = await lab.token('developer');
  const { key, info } = keyOf(lab, 'ps');
  const [equipment_id, stream_type] = key.split('/');
  const wish = { equipment_id, stream_type };
  const first = new LabwireProbe(lab.socketUrl('/ws'), { token });
  const connected = await first.hello({ desired: [wish] });
  first.isAcking = true;
  first.say({ type: 'ack', bytes: first.bytes });
  const { epoch } = await first.of('stream_started');
  await first.until('rows', () => first.frames.length > 5);
  const before = lab.hub.parts.connections.all.length;
  first.socket.terminate();
  await first.until('the end', () => first.closed !== undefined);
  await expect.poll(() => lab.hub.parts.connections.all.length, { timeout: 60_000 }).toBe(before - 1);
  const last = first.frames.at(-1);
  const seq = (last?.seq ?? 0) + (last?.rows ?? 1) - 1;
  const endRow = await new Promise<number>((resolve, reject) => {
    const hold = lab.bench.hold(info.key, {
      rows() {},
      reset: () => reject(new Error('The stream began anew.')),
      ended: () => resolve(hold.feed.endRow),
    });
    void expect
      .poll(() => hold.feed.endRow, { timeout: 60_000 })
      .toBeGreaterThan(seq + 10)
      .then(() => lab.screen.client.call('instrument.close', { instrument: info.instrument }))
      .catch(reject);
  });
  const { resume } = connected as unknown as { resume: { token: string } };
  return {
    token,
    key,
    wish,
    resume: { token: resume.token, streams: [{ key, epoch: epoch as number, seq }] },
    endRow,
  };
}

async function attachAgain(): Promise<void> {
  await lab.screen.client.call('instrument.open', { resource: lab.lab.resource('supply') });
  await expect.poll(() => lab.bench.equipment.flatMap(({ streams }) => streams).length, { timeout: 60_000 }).toBe(1);
}

test('away while the instrument is detached and attached again: the rest of the old numbering is a gap, the new one is sent from the first row there is', async () => {
  const { token, key, wish, resume, endRow } = await loseAndDetach();
  await attachAgain();
  const [place] = resume.streams;
  const second = new LabwireProbe(lab.socketUrl('/ws'), { token });
  const connected = await second.hello({ desired: [wish], resume });
  second.isAcking = true;
  second.say({ type: 'ack', bytes: second.bytes });
  expect(connected).toMatchObject({ reconnected: true, streams: [{ key, result: 'lost' }] });
  expect(await second.of('gap')).toMatchObject({
    key,
    epoch: place?.epoch,
    from: (place?.seq ?? 0) + 1,
    to: endRow - 1,
  });
  const started = await second.of('stream_started');
  expect(started.epoch).not.toBe(place?.epoch);
  await second.until('rows', () => second.frames.length > 5);
  expect(second.frames[0]?.skipped).toBeUndefined();
  checkSequence(second.order, key, started.handle as number);
  expect(second.heard.filter(({ type }) => type === 'gap')).toHaveLength(1);
  await second.end();
});

test('back while the instrument is still away: the rest of the old numbering is a gap; it begins when it comes', async () => {
  const { token, key, wish, resume, endRow } = await loseAndDetach();
  const [place] = resume.streams;
  const second = new LabwireProbe(lab.socketUrl('/ws'), { token });
  const connected = await second.hello({ desired: [wish], resume });
  second.isAcking = true;
  second.say({ type: 'ack', bytes: second.bytes });
  expect(connected).toMatchObject({ reconnected: true, streams: [] });
  expect(await second.of('gap')).toMatchObject({
    key,
    epoch: place?.epoch,
    from: (place?.seq ?? 0) + 1,
    to: endRow - 1,
  });
  await attachAgain();
  const started = await second.of('stream_started');
  await second.until('rows', () => second.frames.length > 5);
  checkSequence(second.order, key, started.handle as number);
  await second.end();
});
