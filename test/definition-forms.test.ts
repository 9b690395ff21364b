import { afterAll, describe, expect, it } from 'vitest';
import { openScopes } from '../src/core/scope.ts';
import { readDefinition } from '../src/engine/driver/definition-folder.ts';
import { lintDefinition } from '../src/protocol/definition/lint.ts';
import { openDefinitionBench } from './lab/definition-bench.ts';

/** Forms a definition can have: selected outputs, status words, scaled and padded numbers, meters whose functions have questions of their own. */
const folder = new URL('./fixtures/definitions/', import.meta.url).pathname;
const { signal } = new AbortController();

afterAll(() => expect(openScopes()).toEqual([]));

describe('outputs that must be selected', () => {
  const definition = readDefinition(folder, 'selected-supply.yaml');

  it('has no faults', () => expect(lintDefinition(definition)).toEqual([]));

  it('selects before all it asks and orders, and knows each output from the others', async () => {
    await using bench = await openDefinitionBench(definition);
    const { driver, sent } = bench;
    expect(driver.shape.controls.find(({ id }) => id === 'ch3.voltage.set')?.max).toBe(5.5);
    expect(await driver.setControl('ch2.voltage.set', 5.25, signal)).toEqual({ 'ch2.voltage.set': 5.25 });
    expect(sent()).toContain('VOLT 05.250');
    expect(await driver.setControl('ch1.voltage.set', 12, signal)).toEqual({ 'ch1.voltage.set': 12 });
    expect(await driver.setControl('ch2.current.set', 1.5, signal)).toEqual({ 'ch2.current.set': 1.5 });
    expect(sent()).toContain('CURR 01500');
    const before = sent().length;
    await driver.setControl('ch3.output', true, signal);
    const lines = sent().slice(before);
    // Whether the selection was taken is asked before anything is switched.
    const at = lines.indexOf('OUTP 1');
    expect(lines.slice(at - 2, at + 1)).toEqual(['INST:NSEL 3', 'SYST:ERR?', 'OUTP 1']);
    expect(lines.indexOf('INST:NSEL 3', lines.indexOf('OUTP 1'))).toBe(lines.indexOf('STAT?') - 1);
    expect(await driver.readControls(['ch1.voltage.set', 'ch2.voltage.set', 'ch3.output'], signal)).toEqual({
      'ch1.voltage.set': 12,
      'ch2.voltage.set': 5.25,
      'ch3.output': true,
    });
    expect(driver.writes?.('ch2.output', false)).toEqual(['INST:NSEL 2', 'OUTP 0']);
    expect(await driver.setControl('output.all', true, signal)).toEqual({ 'output.all': true });
    expect(sent()).toContain('OUTP:GEN 1');
  });

  it('does nothing behind a selection that is refused, and confirms nothing', async () => {
    const fewer = structuredClone(definition);
    fewer.models = fewer.models.map((row) => ({ ...row, outputs: 2 }));
    await using bench = await openDefinitionBench(definition, { simulated: fewer });
    const { driver } = bench;
    await driver.setControl('ch2.output', true, signal);
    const refused = driver.setControl('ch3.voltage.set', 1, signal);
    await expect(refused).rejects.toMatchObject({
      code: 'instrument.rejected',
      message: expect.stringContaining('INST:NSEL 3'),
    });
    expect(bench.sent()).not.toContain('VOLT 01.000');
    const [, second, third] = await driver.outputsOff();
    expect(second).toEqual({ group: 'ch2', confirmed: true });
    expect(third).toMatchObject({ confirmed: false, reason: expect.stringContaining('does not select this output') });
  });

  it('reads status words: bits of a hexadecimal number and flags', async () => {
    await using bench = await openDefinitionBench(definition);
    const { driver } = bench;
    expect(await driver.status?.(signal)).toMatchObject({ 'ch2.mode': 'off', 'ch2.tripped': '' });
    await driver.setControl('ch2.voltage.set', 10, signal);
    await driver.setControl('ch2.output', true, signal);
    expect(await driver.status?.(signal)).toMatchObject({ 'ch1.mode': 'off', 'ch2.mode': 'CV' });
    await driver.setControl('ch2.current.set', 0.05, signal);
    expect(await driver.status?.(signal)).toMatchObject({ 'ch2.mode': 'CC' });
    const row = await driver.poll?.(signal);
    expect(row?.values[3]).toBeCloseTo(0.05, 2);
  });

  it('switches every output off and reads each back, one selected after the other', async () => {
    await using bench = await openDefinitionBench(definition);
    const { driver, sent } = bench;
    await driver.setControl('ch1.output', true, signal);
    await driver.setControl('ch3.output', true, signal);
    const before = sent().length;
    const waiting = [driver.poll?.(signal), driver.readControls(undefined, signal)];
    const confirmed = ['ch1', 'ch2', 'ch3'].map((group) => ({ group, confirmed: true }));
    expect(await driver.outputsOff()).toEqual(confirmed);
    await Promise.allSettled(waiting);
    const lines = sent().slice(before);
    for (const [index, line] of lines.entries())
      if (line === 'OUTP 0') expect(lines[index - 1]).toMatch(/^INST:NSEL \d$/);
    expect(await driver.readControls(['ch1.output', 'ch3.output'], signal)).toEqual({
      'ch1.output': false,
      'ch3.output': false,
    });
  });
});

describe('a meter whose functions have questions of their own', () => {
  const definition = readDefinition(folder, 'following-meter.yaml');

  it('has no faults', () => expect(lintDefinition(definition)).toEqual([]));

  it('asks for the reading of the function in force, and never believes one taken while it was turned', async () => {
    await using bench = await openDefinitionBench(definition);
    const { driver, session } = bench;
    bench.circuit.source.voltage = 5;
    bench.circuit.source.currentLimit = 1;
    bench.circuit.source.on = true;
    await expect.poll(async () => (await driver.poll?.(signal))?.values[0]).toBeGreaterThan(0.1);
    expect(driver.shape.controls.map(({ id }) => id)).toEqual(['function', 'range', 'rate']);
    expect(await driver.setControl('range', '20 V', signal)).toEqual({ range: '20 V' });
    expect(bench.sent()).toContain('MEAS:VDC 2');
    expect(await driver.setControl('rate', 'M', signal)).toEqual({ rate: 'M' });
    const changed = await driver.setControl('function', 'Resistance', signal);
    expect(changed).toEqual({ function: 'Resistance', range: 'auto' });
    expect(driver.shape.controls.map(({ id }) => id)).toEqual(['function', 'range']);
    // There is voltage on it.
    expect((await driver.poll?.(signal))?.values[1]).toBe(Number.POSITIVE_INFINITY);
    await session.write('FUNC:DIOD');
    const row = await driver.poll?.(signal);
    expect(row?.active).toEqual(['diode']);
    expect(row?.values[1]).toBeNaN();
  });

  it('goes without a setting whose word it does not know', async () => {
    const knowing = structuredClone(definition);
    const [first] = knowing.functions?.list ?? [];
    if (first) first.rates = ['X', 'Y', 'Z'];
    await using bench = await openDefinitionBench(knowing, { simulated: definition });
    expect(await bench.driver.readControls(undefined, signal)).toEqual({ function: 'DC voltage', range: 'auto' });
  });

  it('reads its error register', async () => {
    await using bench = await openDefinitionBench(definition);
    const refused = bench.driver.send?.('NOT:KNOWN', {});
    await expect(refused).rejects.toMatchObject({
      code: 'instrument.rejected',
      message: expect.stringContaining('1 unknown command'),
    });
  });
});

describe('outputs that share a status word and a list of measurements', () => {
  const definition = readDefinition(folder, 'shared-status.yaml');

  it('has no faults', () => expect(lintDefinition(definition)).toEqual([]));

  it('takes the bit and the item of each output', async () => {
    await using bench = await openDefinitionBench(definition);
    const { driver } = bench;
    await driver.setControl('ch2.voltage.set', 10, signal);
    await driver.setControl('ch2.current.set', 1, signal);
    expect(await driver.setControl('ch2.output', true, signal)).toEqual({ 'ch2.output': true });
    expect(await driver.readControls(['ch1.output'], signal)).toEqual({ 'ch1.output': false });
    expect(await driver.status?.(signal)).toEqual({ 'ch1.mode': 'off', 'ch2.mode': 'CV' });
    await driver.setControl('ch2.current.set', 0.05, signal);
    expect(await driver.status?.(signal)).toEqual({ 'ch1.mode': 'off', 'ch2.mode': 'CC' });
    const before = bench.sent().length;
    const row = await driver.poll?.(signal);
    expect(bench.sent().slice(before)).toEqual(['MEAS:VOLT? (@1:2);:MEAS:CURR? (@1:2)']);
    expect(row?.values[0]).toBe(0);
    expect(row?.values[2]).toBeCloseTo(5, 1);
    expect(await driver.outputsOff()).toEqual([
      { group: 'ch1', confirmed: true },
      { group: 'ch2', confirmed: true },
    ]);
  });

  it('takes the limits of its manual where this one does not tell them, and says so', async () => {
    const asking = structuredClone(definition);
    const voltage = asking.groups['ch{n}']?.controls['voltage.set'];
    if (voltage) voltage.max = { ask: 'VOLT:TOP? (@{n})', typical: 25 };
    await using bench = await openDefinitionBench(asking, { simulated: definition });
    expect(bench.driver.shape.controls.find(({ id }) => id === 'ch2.voltage.set')?.max).toBe(25);
    expect(bench.reports.map(({ message }) => message)).toEqual([
      expect.stringContaining("'VOLT:TOP? (@1)'"),
      expect.stringContaining("'VOLT:TOP? (@2)'"),
    ]);
    expect(await bench.driver.setControl('ch2.voltage.set', 20, signal)).toEqual({ 'ch2.voltage.set': 20 });
  });

  it('lists its events', async () => {
    await using bench = await openDefinitionBench(definition);
    await expect(bench.driver.send?.('NOT:KNOWN', {})).rejects.toMatchObject({
      code: 'instrument.rejected',
      message: expect.stringContaining('113 Undefined header'),
    });
    await bench.driver.send?.('CURR 1,(@1)', {});
  });
});
