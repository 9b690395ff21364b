import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Lab, openLab } from '../../../test/lab/lab.ts';
import type { LabScreen } from '../../../test/lab/lab-screen.ts';
import { ScriptedInstrument } from '../../../test/lab/scripted-instrument.ts';
import type { CallInput, CallName } from '../../contract/calls.ts';
import type { CallOptions } from '../../contract/client.ts';
import { LabError } from '../../core/errors.ts';
import { openScopes } from '../../core/scope.ts';

/** Several people at one bench: a window, another one, and two clients of the hub. */
let lab: Lab;
let window: LabScreen;
let hub: LabScreen;
let supply: string;

const ANNA = { user: 'anna', client: 'a1', role: 'developer', rights: ['view', 'control'] } as const;
const BOB = { user: 'bob', client: 'b2', role: 'viewer', rights: ['view'] } as const;
type Person = typeof ANNA | typeof BOB;

function as(person: Person): CallOptions {
  return { as: { ...person, rights: [...person.rights] } };
}

async function codeOf<N extends CallName>(screen: LabScreen, call: N, input: CallInput<N>, options?: CallOptions) {
  try {
    await screen.client.call(call, input, options);
    return 'done';
  } catch (error) {
    return LabError.from(error).code;
  }
}

const lockOf = (screen: LabScreen, instrument: string) =>
  screen.state.instruments.find(({ id }) => id === instrument)?.lock;

beforeAll(async () => {
  lab = await openLab({ usePtys: false });
  window = await lab.screen('window');
  hub = await lab.screen('hub', { trusted: true });
  supply = await window.attach(lab.resource('supply'));
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

test('what another has locked is refused to all screens, except reading, safety and what belongs to the bench', async () => {
  const voltage = { instrument: supply, control: 'ch1.voltage.set', value: 2 };
  const { lock } = await hub.client.call('lock.take', { instrument: supply, holder: 'anna' }, as(ANNA));
  const shown = await window.until('the lock is shown', () => lockOf(window, supply));
  expect(shown).toMatchObject({ id: lock, holder: 'anna', who: 'anna (client a1)', mode: 'exclusive', waiting: 0 });
  const channel = window.state.channels.find(({ instrument }) => instrument === supply)?.id ?? '';
  const sweep = { id: 's', name: 's', instrument: supply, control: 'ch1.voltage.set', values: [1], dwellS: 0.1 };
  const refused: [CallName, unknown][] = [
    ['instrument.set', voltage],
    ['instrument.query', { instrument: supply, text: '*IDN?' }],
    ['instrument.act', { instrument: supply, action: 'clear' }],
    ['instrument.sendFile', { instrument: supply, name: 'f', text: '*CLS' }],
    ['instrument.setQueries', { instrument: supply, queries: [] }],
    ['instrument.close', { instrument: supply }],
    ['resource.query', { resource: lab.resource('supply'), text: '*CLS' }],
    ['channel.set', { channel, rateHz: 2 }],
    ['sweep.start', { sweep }],
    ['bench.new', { name: 'other' }],
  ];
  for (const [call, input] of refused) {
    expect(await codeOf(window, call, input as CallInput<CallName>), call).toBe('instrument.locked');
    expect(await codeOf(hub, call, input as CallInput<CallName>), `${call} of the hub itself`).toBe(
      'instrument.locked',
    );
  }
  expect(await codeOf(window, 'channel.set', { channel, label: 'Rail' })).toBe('done');
  expect(await codeOf(window, 'instrument.refresh', { instrument: supply })).toBe('done');
  expect(await codeOf(window, 'instrument.rename', { instrument: supply, label: 'Supply' })).toBe('done');
  expect((await window.client.call('outputs.off', {})).results.every(({ confirmed }) => confirmed)).toBe(true);
  expect(await codeOf(hub, 'instrument.set', voltage, as(ANNA))).toBe('done');
  expect(await codeOf(hub, 'instrument.set', voltage, as(BOB)), 'no right to it').toBe('call.denied');
  await hub.client.call('lock.release', { lock }, as(ANNA));
  await window.until('the lock is gone', () => lockOf(window, supply) === undefined);
  expect(await codeOf(window, 'instrument.set', voltage)).toBe('done');
});

test('events say who it was', async () => {
  await hub.client.call('instrument.set', { instrument: supply, control: 'ch1.voltage.set', value: 1.5 }, as(ANNA));
  const line = await window.until('the setpoint', ({ events }) => events.find(({ text }) => text.includes('1.5')));
  expect(line).toMatchObject({ kind: 'setpoint', data: { who: 'anna (client a1)' } });
  expect(line.text).toMatch(/ 1\.5 V by anna \(client a1\)$/);
  await window.client.call('instrument.set', { instrument: supply, control: 'ch1.voltage.set', value: 1.25 });
  const own = await window.until('the setpoint', ({ events }) => events.find(({ text }) => text.includes('1.25')));
  expect(own).toMatchObject({ data: { who: 'window' } });
  expect(own.text).toMatch(/ 1\.25 V$/);
});

test('a window takes over by force, which is recorded; who waits comes next', async () => {
  const anna = await hub.client.call('lock.take', { instrument: supply, holder: 'anna' }, as(ANNA));
  const other = await lab.screen('other window');
  const waiting = await other.client.call('lock.take', { instrument: supply, holder: 'other', wait: true });
  expect(waiting).toMatchObject({ state: 'waiting', position: 1 });
  expect(await codeOf(hub, 'lock.force', { lock: anna.lock }, as(ANNA)), 'needs manage').toBe('call.denied');
  const { taken } = await window.client.call('lock.force', { lock: anna.lock, take: { holder: 'me' } });
  expect(taken).toMatchObject({ state: 'held' });
  await other.until('the new holder', () => lockOf(other, supply)?.id === taken?.lock);
  const event = await window.until('the event', ({ events }) => events.find(({ text }) => text.includes('took over')));
  expect(event).toMatchObject({ severity: 'warning', instrument: supply, data: { who: 'window', holder: 'anna' } });
  expect(await codeOf(hub, 'lock.touch', { lock: anna.lock }, as(ANNA))).toBe('lock.unknown');
  const { locks } = await other.client.call('lock.list', { instrument: supply });
  expect(locks.map(({ holder, state, isMine }) => ({ holder, state, isMine }))).toEqual([
    { holder: 'me', state: 'held', isMine: false },
    { holder: 'other', state: 'waiting', isMine: true },
  ]);
  await window.client.call('lock.release', { lock: taken?.lock ?? '' });
  await window.until('the one who waited', () => lockOf(window, supply)?.id === waiting.lock);
  await other.client.call('lock.release', { lock: waiting.lock });
  other[Symbol.dispose]();
});

test('who may only look may observe, and nothing more; an instrument that is not there has no lock', async () => {
  expect(await codeOf(hub, 'lock.take', { instrument: supply, holder: 'bob' }, as(BOB))).toBe('call.denied');
  const { lock } = await hub.client.call('lock.take', { instrument: supply, mode: 'observer', holder: 'bob' }, as(BOB));
  expect(lockOf(window, supply)).toBeUndefined();
  expect(await codeOf(window, 'lock.release', { lock })).toBe('call.denied');
  await hub.client.call('lock.release', { lock }, as(BOB));
  expect(await codeOf(window, 'lock.take', { instrument: 'nothing', holder: 'me' })).toBe('instrument.unknown');
});

test('a lock ends with the instrument', async () => {
  await using meter = await ScriptedInstrument.open({ '*IDN?': 'ACME,M1,0001,1' });
  const instrument = await window.attach(meter.resource);
  const { lock } = await window.client.call('lock.take', { instrument, holder: 'me' });
  await window.client.call('instrument.close', { instrument });
  expect(await codeOf(window, 'lock.touch', { lock })).toBe('lock.unknown');
  await window.attach(meter.resource);
  expect(lockOf(window, instrument)).toBeUndefined();
  await window.client.call('instrument.close', { instrument });
});

test('a file and a sweep that run stop when somebody else has locked their instrument', async () => {
  const sweep = {
    id: 'long',
    name: 'long',
    instrument: supply,
    control: 'ch1.voltage.set',
    values: Array(20).fill(1),
    dwellS: 0.5,
  };
  await window.client.call('sweep.start', { sweep });
  const { lock } = await hub.client.call('lock.take', { instrument: supply, holder: 'anna' }, as(ANNA));
  const ended = await window.until('the end of the sweep', ({ sweeps }) =>
    sweeps.find(({ sweep: { id }, state }) => id === 'long' && state !== 'running'),
  );
  expect(ended).toMatchObject({ state: 'failed', text: expect.stringMatching(/has .* for themselves/) });
  await hub.client.call('lock.release', { lock }, as(ANNA));
  const text = Array.from({ length: 200 }, () => '*CLS').join('\n');
  const file = { instrument: supply, name: 'many', text, pauseMs: 20 };
  const { id } = await window.client.call('instrument.sendFile', file);
  const again = await hub.client.call('lock.take', { instrument: supply, holder: 'anna' }, as(ANNA));
  const job = await window.until('the end of the file', ({ jobs }) =>
    jobs.find((one) => one.id === id && one.state !== 'running'),
  );
  expect(job).toMatchObject({ state: 'failed', error: { code: 'instrument.locked' } });
  await hub.client.call('lock.release', { lock: again.lock }, as(ANNA));
});

test('past its deadline, what waits is never sent, and what was sent is not known', async () => {
  await using meter = await ScriptedInstrument.open({ '*IDN?': 'ACME,M1,0001,1', 'LAST?': '5' });
  const instrument = await window.attach(meter.resource);
  const patient = { timeoutMs: 60_000 };
  const sent = codeOf(window, 'instrument.query', { instrument, text: 'MUTE?', ...patient }, { deadlineMs: 5000 });
  const waits = codeOf(window, 'instrument.query', { instrument, text: 'WAIT?', ...patient }, { deadlineMs: 5000 });
  const acts = codeOf(window, 'instrument.act', { instrument, action: 'clear' }, { deadlineMs: 5000 });
  expect(await sent).toBe('call.unknown');
  expect(await waits).toBe('call.expired');
  expect(await acts).toBe('call.expired');
  expect(window.state.instruments.find(({ id }) => id === instrument)?.lastError).toBeNull();
  // The wire is given free; what waited does not come behind.
  meter.cut();
  await expect.poll(() => codeOf(window, 'instrument.query', { instrument, text: 'LAST?' })).toBe('done');
  expect(meter.heard).toContain('MUTE?');
  expect(meter.heard).not.toContain('WAIT?');
  await window.client.call('instrument.close', { instrument });
});

test('a setting that waited too long is no wish in force any more', async () => {
  const control = 'ch1.voltage.set';
  await window.client.call('instrument.set', { instrument: supply, control, value: 1 });
  // What has the wire takes longer than the deadline.
  await window.client.call('bench.setFault', { name: 'supply', fault: { kind: 'hang' } });
  const blocking = codeOf(window, 'instrument.query', { instrument: supply, text: '*OPC?', timeoutMs: 60_000 });
  const set = codeOf(window, 'instrument.set', { instrument: supply, control, value: 3 }, { deadlineMs: 5000 });
  expect(await set).toBe('call.expired');
  await window.until('the wish before it', ({ instruments }) =>
    instruments.find(({ id, values }) => id === supply && values[control]?.asked === 1),
  );
  await window.client.call('bench.setFault', { name: 'supply', fault: { kind: null } });
  await blocking;
  await expect
    .poll(() => codeOf(window, 'instrument.query', { instrument: supply, text: ':SOUR1:VOLT?' }))
    .toBe('done');
  const { reply } = await window.client.call('instrument.query', { instrument: supply, text: ':SOUR1:VOLT?' });
  expect(Number(reply)).toBe(1);
});

test('the same order twice is carried out once', async () => {
  await using meter = await ScriptedInstrument.open({ '*IDN?': 'ACME,M1,0002,1', 'COUNT?': '1' });
  const instrument = await window.attach(meter.resource);
  const input = { instrument, text: 'COUNT?' };
  const once = { ...as(ANNA), idem: 'k1' };
  const [first, second] = await Promise.all([
    hub.client.call('instrument.query', input, once),
    hub.client.call('instrument.query', input, once),
  ]);
  expect(second).toEqual(first);
  // Over another link of the hub, too.
  const again = await lab.screen('hub', { trusted: true });
  expect(await again.client.call('instrument.query', input, once)).toEqual(first);
  expect(meter.heard.filter((line) => line === 'COUNT?')).toHaveLength(1);
  again[Symbol.dispose]();
  await window.client.call('instrument.close', { instrument });
});
