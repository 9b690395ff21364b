import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Lab, openLab } from '../../../test/lab/lab.ts';
import type { LabScreen } from '../../../test/lab/lab-screen.ts';
import { ScriptedInstrument } from '../../../test/lab/scripted-instrument.ts';
import type { CallOptions } from '../../contract/client.ts';
import { LabError } from '../../core/errors.ts';
import { openScopes } from '../../core/scope.ts';

/** A window at the bench, and the hub that calls for a client. */
let lab: Lab;
let window: LabScreen;
let hub: LabScreen;
let supply: string;

const ANNA: CallOptions = { as: { user: 'anna', client: 'a1', role: 'developer', rights: ['view', 'control'] } };
const BOB: CallOptions = { as: { user: 'bob', client: 'b2', role: 'viewer', rights: ['view'] } };

async function codeOf(done: Promise<unknown>): Promise<string> {
  return done.then(
    () => 'done',
    (thrown: unknown) => LabError.from(thrown).code,
  );
}

function on(screen: LabScreen, value = true, options?: CallOptions): Promise<string> {
  return codeOf(screen.client.call('instrument.set', { instrument: supply, control: 'ch1.output', value }, options));
}

const type = (text: string) => codeOf(window.client.call('instrument.query', { instrument: supply, text }));

async function enter(): Promise<void> {
  window = await lab.screen('window');
  hub = await lab.screen('hub', { trusted: true });
}

beforeEach(async () => {
  lab = await openLab({ usePtys: false });
  await enter();
  supply = await window.attach(lab.resource('supply'));
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

test('outputs off of one instrument asks no lock, reaches that one alone, and latches nothing', async () => {
  const load = await window.attach(lab.resource('load'));
  await window.client.call('instrument.set', { instrument: load, control: 'input', value: true });
  expect(await on(window)).toBe('done');
  await window.client.call('lock.take', { instrument: supply, holder: 'me' });
  expect(await on(hub, false, ANNA), 'a setting asks the lock').toBe('instrument.locked');
  const { results } = await hub.client.call('outputs.off', { instruments: [supply, 'not there'] }, ANNA);
  expect(results).toEqual(['ch1', 'ch2', 'ch3'].map((group) => ({ instrument: supply, group, confirmed: true })));
  const inputOf = async () => {
    await window.client.call('instrument.refresh', { instrument: load });
    return window.state.instruments.find(({ id }) => id === load)?.values.input?.readBack;
  };
  expect(await inputOf()).toBe(true);
  expect(window.state.emergencyStop).toBeNull();
  expect(await on(window), 'nothing is latched').toBe('done');
});

test('the emergency stop asks no lock and lets nothing on from any side, until somebody releases it by name', async () => {
  await using stranger = await ScriptedInstrument.open({ '*IDN?': 'ACME,P1,77,1' });
  await using unknown = await ScriptedInstrument.open({ '*IDN?': 'ACME,X9,1,1' });
  const other = await window.attach(unknown.resource);
  expect(await on(window)).toBe('done');
  const { lock } = await window.client.call('lock.take', { instrument: supply, holder: 'me' });
  expect(await codeOf(hub.client.call('emergency.stop', {}, BOB))).toBe('call.denied');
  const { results } = await hub.client.call('emergency.stop', {}, ANNA);
  expect(results.map(({ group, confirmed }) => [group, confirmed])).toEqual([
    ['ch1', true],
    ['ch2', true],
    ['ch3', true],
  ]);
  await window.until('it is seen', ({ emergencyStop }) => emergencyStop?.results.length === 3);
  expect(window.state.emergencyStop).toMatchObject({ by: 'anna (client a1)' });

  expect(await on(window)).toBe('safety.refused');
  await window.client.call('lock.release', { lock });
  expect(await on(hub, true, ANNA)).toBe('safety.refused');
  expect(await type(':OUTP CH1,ON')).toBe('safety.refused');
  expect(await type('*RST')).toBe('safety.refused');
  expect(await type(':OUTP? CH1')).toBe('done');
  expect(await type(':OUTP CH1,OFF')).toBe('done');
  expect(await on(window, false)).toBe('done');
  const voltage = { instrument: supply, control: 'ch1.voltage.set', value: 2 };
  expect(await codeOf(window.client.call('instrument.set', voltage)), 'off it may be set').toBe('done');
  const ask = (text: string) => codeOf(window.client.call('resource.query', { resource: stranger.resource, text }));
  expect(await ask('OUTP ON')).toBe('safety.refused');
  expect(await ask('*IDN?')).toBe('done');
  const send = window.client.call('instrument.query', { instrument: other, text: 'OUTP ON' });
  expect(await codeOf(send), 'what nobody knows may be a supply').toBe('safety.refused');
  const trigger = window.client.call('instrument.act', { instrument: other, action: 'trigger' });
  expect(await codeOf(trigger)).toBe('safety.refused');
  expect([...stranger.heard, ...unknown.heard].filter((line) => /OUTP|TRG/.test(line))).toEqual([]);
  expect(await codeOf(window.client.call('outputs.off', {}))).toBe('done');
  await window.client.call('outputs.release', {});
  expect(await on(window), 'outputs.release is about what did not confirm').toBe('safety.refused');

  expect(await codeOf(hub.client.call('emergency.release', {}, BOB))).toBe('call.denied');
  expect(await on(window)).toBe('safety.refused');
  expect(await hub.client.call('emergency.release', {}, ANNA)).toEqual({ released: true });
  const told = await window.until('it is told', ({ events }) =>
    events.find(({ text }) => text.includes('released the emergency stop')),
  );
  expect(told).toMatchObject({ kind: 'safety', severity: 'warning', data: { who: 'anna (client a1)' } });
  expect(window.state.emergencyStop).toBeNull();
  expect(await hub.client.call('emergency.release', {}, ANNA)).toEqual({ released: false });
  expect(await on(window)).toBe('done');
});

test('it outlives the engine, and so does its release', async () => {
  await hub.client.call('emergency.stop', {}, ANNA);
  await lab.restart();
  await enter();
  expect(window.state.emergencyStop).toMatchObject({ by: 'anna (client a1)' });
  await window.until('the supply is back', ({ instruments }) =>
    instruments.some(({ id, state }) => id === supply && state === 'live'),
  );
  expect(await on(window)).toBe('safety.refused');
  await window.client.call('emergency.release', {});
  expect(await on(window)).toBe('done');
  await lab.restart();
  await enter();
  expect(window.state.emergencyStop).toBeNull();
});

test('a file that cannot be read counts as a stop; a release that cannot be written releases nothing', async () => {
  const path = join(lab.folder, 'emergency-stop.json');
  await writeFile(path, '{"emergencyStop":');
  await lab.restart();
  await enter();
  expect(window.state.emergencyStop).not.toBeNull();
  await rm(path);
  await mkdir(path);
  expect(await codeOf(window.client.call('emergency.release', {}))).toBe('settings.unwritable');
  expect(window.state.emergencyStop).not.toBeNull();
  const unwritten = window.client.call('emergency.stop', {});
  expect(await codeOf(unwritten)).toBe('done');
  await window.until('that it is only in memory', ({ events }) =>
    events.some(({ severity, text }) => severity === 'critical' && text.includes('cannot be written')),
  );
  await rm(path, { recursive: true });
  expect(await codeOf(window.client.call('emergency.release', {}))).toBe('done');
  expect(window.state.emergencyStop).toBeNull();
});

test('a stop that comes while a release is written holds', async () => {
  await window.client.call('emergency.stop', {});
  const release = window.client.call('emergency.release', {});
  const stop = hub.client.call('emergency.stop', {}, ANNA);
  await Promise.all([release, stop]);
  const { emergencyStop } = await window.client.call('bench.read', {});
  expect(emergencyStop).toMatchObject({ by: 'anna (client a1)' });
  await lab.restart();
  await enter();
  expect(window.state.emergencyStop).toMatchObject({ by: 'anna (client a1)' });
});
