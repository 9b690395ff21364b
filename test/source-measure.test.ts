import { describe, expect, it } from 'vitest';
import { builtInFolder, readDefinition } from '../src/engine/driver/definition-folder.ts';
import { writeForms } from '../src/engine/safety/write-form.ts';
import type { FamilyDefinition } from '../src/protocol/definition/definition-schema.ts';
import { openDefinitionBench } from './lab/definition-bench.ts';

/** What source-measure units have of their own: fields named by a setting, setpoints kept apart by the source, a language that must be chosen. */
const { signal } = new AbortController();
const read = (id: string): FamilyDefinition => readDefinition(builtInFolder(), `${id}.yaml`);

function withAnswer(definition: FamilyDefinition, ask: string, answer: string): FamilyDefinition {
  const { simulation } = definition;
  return { ...definition, simulation: { ...simulation, answers: { ...simulation.answers, [ask]: answer } } };
}

describe('Keithley 2400', () => {
  it('takes the fields of READ? where FORM:ELEM says they are', async () => {
    const definition = read('keithley-2400');
    const simulated = withAnswer(definition, ':FORM:ELEM?', 'CURR,TIME,VOLT');
    await using bench = await openDefinitionBench(definition, { simulated });
    await bench.driver.setControl('ch1.voltage.set', 5, signal);
    await bench.driver.setControl('ch1.current.set', 1, signal);
    await bench.driver.setControl('ch1.output', true, signal);
    await expect.poll(() => bench.circuit.advance().supplyV).toBeGreaterThan(4.9);
    const row = await bench.driver.poll?.(signal);
    const at = (channel: string) => row?.values[bench.driver.shape.polled.findIndex((one) => one.channel === channel)];
    // 5 V at no more than 1 A: neither can be the other, nor the time between them.
    expect(at('ch1.voltage')).toBeGreaterThan(4.8);
    expect(at('ch1.current')).toBeGreaterThan(0.01);
    expect(at('ch1.current')).toBeLessThan(1.1);
  });

  it('leaves out what is no element of READ?', async () => {
    const definition = read('keithley-2400');
    await using bench = await openDefinitionBench(definition, {
      simulated: withAnswer(definition, ':FORM:ELEM?', 'CURR'),
    });
    await bench.driver.setControl('ch1.output', true, signal);
    const row = await bench.driver.poll?.(signal);
    const at = (channel: string) => row?.values[bench.driver.shape.polled.findIndex((one) => one.channel === channel)];
    expect(at('ch1.voltage')).toBeNaN();
    expect(at('ch1.current')).not.toBeNaN();
  });

  it('tells the safety envelope every command that sets its voltage or its current', async () => {
    await using bench = await openDefinitionBench(read('keithley-2400'));
    const { driver } = bench;
    expect(driver.writes?.('ch1.voltage.set', 2)).toEqual([':SOUR:VOLT 2', ':SENS:VOLT:PROT 2']);
    const forms = writeForms(driver.shape.controls, (id, value) => driver.writes?.(id, value));
    const headers = (id: string) =>
      forms.filter(({ control }) => control.id === id).map(({ unit }) => unit.nodes.join(':'));
    expect(headers('ch1.voltage.set')).toEqual(['SOUR:VOLT', 'SENS:VOLT:PROT']);
    expect(headers('ch1.current.set')).toEqual(['SENS:CURR:PROT', 'SOUR:CURR']);
  });

  it('switches off before it sources the other quantity, and reads back what then is in force', async () => {
    await using bench = await openDefinitionBench(read('keithley-2400'));
    const { driver, sent } = bench;
    await driver.setControl('ch1.output', true, signal);
    const readBack = await driver.setControl('ch1.source', 'current', signal);
    expect(readBack).toMatchObject({ 'ch1.source': 'current', 'ch1.output': false });
    expect(readBack).toHaveProperty(['ch1.voltage.set']);
    const written = sent().join('\n');
    expect(written.indexOf(':OUTP OFF')).toBeGreaterThan(0);
    expect(written.indexOf(':OUTP OFF')).toBeLessThan(written.indexOf(':SOUR:FUNC CURR'));
    await driver.setControl('ch1.voltage.set', 3, signal);
    expect(sent().join('\n')).toContain(':SENS:VOLT:PROT 3');
  });
});

describe.each(['keithley-2450', 'keithley-dmm6500'])('%s', (id) => {
  it.each(['TSP', 'SCPI2400'])('says what to do when it speaks %s', async (language) => {
    const definition = read(id);
    const simulated = { ...definition, requires: [{ ask: '*LANG?', is: [language], help: 'not asked for help' }] };
    const opening = openDefinitionBench(definition, { simulated });
    await expect(opening).rejects.toMatchObject({
      code: 'instrument.rejected',
      message: expect.stringMatching(`'${language}'.*nothing was changed.*Choose SCPI`),
    });
  });
});
