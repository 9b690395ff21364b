import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Lab, openLab } from '../../../test/lab/lab.ts';
import type { LabScreen } from '../../../test/lab/lab-screen.ts';
import { ScriptedInstrument } from '../../../test/lab/scripted-instrument.ts';
import { openScopes } from '../../core/scope.ts';

/** Settings and data bind to maker, model and serial number, whatever the address: on real sockets, through the contract. */
let lab: Lab;
let screen: LabScreen;

const call: LabScreen['client']['call'] = (name, input, options) => screen.client.call(name, input, options);

beforeEach(async () => {
  lab = await openLab({ startBench: false });
  screen = await lab.screen();
});
afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

const unit = (serial: string): Promise<ScriptedInstrument> =>
  ScriptedInstrument.open({ '*IDN?': `ACME,M1,${serial},1` });
const instrumentOf = (id: string) => screen.state.instruments.find((instrument) => instrument.id === id);

test('the same unit is found again on another way it was seen on, under its id, and the bench knows where', async () => {
  await using other = await unit('0001');
  const first = await unit('0001');
  // Once it was there, so that way is known.
  await call('instrument.close', { instrument: await screen.attach(other.resource) });
  const instrument = await screen.attach(first.resource);
  await call('instrument.rename', { instrument, label: 'Left one' });
  await first[Symbol.asyncDispose]();
  const moved = await screen.until('it is found on the other way', ({ instruments }) =>
    instruments.find(({ id, state, resource }) => id === instrument && state === 'live' && resource === other.resource),
  );
  expect(moved).toMatchObject({ label: 'Left one' });
  await screen.until('it is told', ({ events }) =>
    events.some(({ text }) => text === `Left one: connected again at ${other.resource}`),
  );
  await call('bench.saveAs', { path: join(lab.folder, 'moved.json') });
  expect(JSON.parse(await readFile(join(lab.folder, 'moved.json'), 'utf8')).instruments).toMatchObject([
    { id: instrument, resource: other.resource, label: 'Left one' },
  ]);
});

test('simulated instruments that come back on other ports go on', async () => {
  await call('bench.start', {});
  const before = lab.resource('supply');
  const supply = await screen.attach(before);
  await lab.host[Symbol.asyncDispose]();
  await call('bench.stop', {});
  await screen.untilState(supply, 'reconnecting');
  await call('bench.start', {});
  const back = await screen.untilState(supply, 'live');
  expect(back.resource).toBe(lab.resource('supply'));
  expect(back.resource).not.toBe(before);
});

test('another unit at the same address: the person is asked; the old one plugged in again goes on by itself', async () => {
  await using port = await unit('0001');
  const instrument = await screen.attach(port.resource);
  port.answers['*IDN?'] = 'ACME,M1,0002,1';
  port.cut();
  const failed = await screen.untilState(instrument, 'failed');
  expect(failed).toMatchObject({
    lastError: { code: 'instrument.mismatch' },
    stranger: { idn: 'ACME,M1,0002,1', resource: port.resource },
  });
  port.answers['*IDN?'] = 'ACME,M1,0001,1';
  const back = await screen.untilState(instrument, 'live');
  expect(back.stranger).toBeUndefined();
  expect(back.lastError).toBeNull();
});

test('another unit is taken in its place: with its own id and settings; those of the old one stay with the old one', async () => {
  await using port = await unit('0001');
  const { instrument: old } = await call('instrument.open', { resource: port.resource, options: { paceMs: 1 } });
  await call('instrument.rename', { instrument: old, label: 'Old' });
  await expect(call('instrument.adopt', { instrument: old })).rejects.toMatchObject({ code: 'call.invalid' });
  port.answers['*IDN?'] = 'ACME,M1,0002,1';
  port.cut();
  await screen.untilState(old, 'failed');
  const { instrument: taken } = await call('instrument.adopt', { instrument: old });
  expect(screen.state.instruments.map(({ id, label }) => [id, label])).toEqual([[taken, 'M1']]);
  await using elsewhere = await unit('0001');
  expect(await screen.attach(elsewhere.resource)).toBe(old);
  expect(instrumentOf(old)).toMatchObject({ label: 'Old' });
});

test('two units of one model stay apart, and change places without a mix-up', async () => {
  await using left = await unit('0001');
  await using right = await unit('0002');
  const one = await screen.attach(left.resource);
  const two = await screen.attach(right.resource);
  expect(one).not.toBe(two);
  [left.answers['*IDN?'], right.answers['*IDN?']] = [right.answers['*IDN?'] ?? '', left.answers['*IDN?'] ?? ''];
  left.cut();
  right.cut();
  const at = (id: string, resource: string) =>
    screen.until(`${id} at ${resource}`, ({ instruments }) =>
      instruments.some((row) => row.id === id && row.state === 'live' && row.resource === resource),
    );
  await at(one, right.resource);
  await at(two, left.resource);
});

test('how it is attached is kept: with the unit, in the bench file, and for the address', async () => {
  await using port = await unit('0001');
  const options = { paceMs: 5, writeTermination: 'crlf' as const };
  const { instrument } = await call('instrument.open', { resource: port.resource, options });
  expect(instrumentOf(instrument)?.options).toEqual(options);
  const path = join(lab.folder, 'with-options.json');
  await call('bench.saveAs', { path });
  expect(JSON.parse(await readFile(path, 'utf8')).instruments).toMatchObject([{ options }]);
  // The bench goes on being saved there; what it was is kept beside.
  const kept = join(lab.folder, 'kept.json');
  await copyFile(path, kept);
  await call('instrument.close', { instrument });
  await screen.attach(port.resource);
  expect(instrumentOf(instrument)?.options, 'as last time').toEqual(options);
  await call('instrument.close', { instrument });
  await call('instrument.open', { resource: port.resource, options: {} });
  expect(instrumentOf(instrument)?.options, 'nothing, because asked').toEqual({});
  await lab.restart();
  screen = await lab.screen();
  await screen.untilState(instrument, 'live');
  await call('bench.open', { path: kept });
  await screen.untilState(instrument, 'live');
  expect(instrumentOf(instrument)?.options).toEqual(options);
});

test('addresses that worked are remembered and can be forgotten', async () => {
  const port = await unit('0001');
  const { resource } = port;
  await screen.attach(resource);
  await lab.restart();
  screen = await lab.screen();
  const { id } = await screen.until('it is attached again', ({ instruments }) => instruments[0]);
  await call('instrument.close', { instrument: id });
  await port[Symbol.asyncDispose]();
  const find = async () => (await call('instrument.find', { withinMs: 300 })).found;
  await screen.until('the bench is empty', (state) => state.instruments.length === 0);
  expect(await find()).toContainEqual(
    expect.objectContaining({
      source: 'remembered',
      state: 'unknown',
      idn: 'ACME,M1,0001,1',
      resources: [resource],
    }),
  );
  await call('discovery.forget', { resource });
  expect((await find()).flatMap(({ resources }) => resources)).not.toContain(resource);
});

test('an unknown family is refused before anything is opened', async () => {
  await using port = await unit('0001');
  await expect(
    call('instrument.open', { resource: port.resource, options: { as: 'no such family' } }),
  ).rejects.toMatchObject({ code: 'driver.unsupported' });
});

test('a screen that watches sees the list by itself; it ends with the screen', async () => {
  await using port = await unit('0001');
  const other = await lab.screen('other');
  await other.client.call('discovery.watch', { on: true });
  await screen.until('the search has begun', ({ discovery }) =>
    discovery.searches.some(({ state }) => state !== 'idle'),
  );
  const id = await screen.attach(port.resource);
  await screen.until('the attached one is in the list', ({ discovery }) =>
    discovery.found.some(({ instrument, state }) => instrument === id && state === 'attached'),
  );
  await screen.until('all have looked', ({ discovery }) => !discovery.isSearching);
  expect(screen.state.discovery.searches.some(({ state }) => state === 'watching')).toBe(true);
  other[Symbol.dispose]();
  await screen.until('nobody watches', ({ discovery }) =>
    discovery.searches.every(({ state }) => state !== 'watching'),
  );
});
