import { afterAll, describe, expect, it } from 'vitest';
import type { Control, ControlValue } from '../src/core/instrument.ts';
import { openScopes } from '../src/core/scope.ts';
import { builtInFolder, definitionFiles, readDefinition } from '../src/engine/driver/definition-folder.ts';
import { resolveFamily } from '../src/protocol/definition/resolve.ts';
import { parseIdentity } from '../src/protocol/idn.ts';
import { isQuery } from '../src/protocol/scpi-line.ts';
import { openDefinitionBench } from './lab/definition-bench.ts';

/** Every definition file: its driver against the instrument simulated from it. Both are of one file: transcripts are the other witness. */
const folder = builtInFolder();
const { signal } = new AbortController();

/** Values to set, one after the other: in range, and not what it was. */
function valuesFor(control: Control, before: ControlValue | undefined): ControlValue[] {
  const { kind, min = -1, max = 1, resolution } = control;
  if (kind === 'switch') return [before !== true, before === true];
  if (kind === 'choice') return control.choices ?? [];
  if (kind === 'action') return [true];
  const step = resolution ?? Math.max(Math.abs(max - min) * 1e-3, 1e-9);
  const near = Math.min(max, Math.max(min, 1));
  const middle = Math.abs(max - min) > 1e3 * Math.max(step, 1e-3) ? near : min + (max - min) / 2;
  return [Number((Math.round(middle / step) * step).toPrecision(9)), max];
}

/** A test of what this family has; of what it has not there is nothing to test. */
const itIf = (has: unknown) => (name: string, run: () => Promise<void>) => {
  if (has) it(name, run);
};

afterAll(() => expect(openScopes()).toEqual([]));

describe.each(definitionFiles(folder))('%s', (file) => {
  const definition = readDefinition(folder, file);
  const isScpi = definition.dialog === undefined;
  /** An output that this dialect cannot be asked for is never confirmed. */
  const resolved = resolveFamily(definition, parseIdentity(definition.simulation.identity).model);
  const unasked = [...resolved.groups, ...resolved.functions].flatMap(({ controls }) =>
    controls.filter(({ read }) => !read).map(({ id }) => id),
  );
  // What is measured only while it feeds (a source-measure unit).
  const feeding = resolved.groups.flatMap(({ measuredWhile, controls }) =>
    controls.filter(({ id, isOutput }) => isOutput && id === measuredWhile).map(({ id }) => id),
  );
  const isAsked = ({ id }: Control): boolean => !unasked.includes(id);

  it('opens without changing anything', async () => {
    await using bench = await openDefinitionBench(definition);
    const { driver, sent } = bench;
    const selections = Object.values(definition.groups).flatMap(({ select = [] }) => [select].flat());
    const known = [
      ...definition.opened,
      ...selections,
      ...(definition.remoteWhen === 'always' ? [definition.remote ?? []].flat() : []),
    ];
    const isHarmless = (text: string) =>
      text.split(';').every((part) => isQuery(part) || known.some((one) => part.startsWith(one.split('{')[0] ?? '')));
    // Questions of other dialects have no mark.
    if (isScpi) for (const text of sent()) expect(text).toSatisfy(isHarmless);
    expect(driver.shape.role).toBe(definition.role);
    expect(driver.help?.length).toBeGreaterThan(5);
    for (const { help } of driver.help ?? []) expect(help).not.toBe('');
    expect(bench.reports).toEqual([]);
  });

  it('measures every channel, reads every control and lamp', async () => {
    await using bench = await openDefinitionBench(definition);
    const { driver, instrument } = bench;
    if (feeding.length > 0) expect((await driver.poll?.(signal))?.active).toEqual([]);
    for (const id of feeding) await driver.setControl(id, true, signal);
    const row = await driver.poll?.(signal);
    if (feeding.length > 0) for (const value of row?.values ?? []) expect(value).not.toBeNaN();
    const active = row?.active ?? driver.shape.polled.map(({ channel }) => channel);
    for (const [index, { channel }] of driver.shape.polled.entries()) {
      if (active.includes(channel)) expect(row?.values[index], channel).toBeTypeOf('number');
    }
    // A scope may have nothing that can be measured without a change to its screen.
    const mayBeNone =
      definition.role === 'unknown' || (definition.role === 'scope' && driver.shape.polled.length === 0);
    if (!mayBeNone) expect(active.length).toBeGreaterThan(0);
    const values = await driver.readControls(undefined, signal);
    const readable = driver.shape.controls.filter(isAsked).map(({ id }) => id);
    expect(Object.keys(values).sort()).toEqual(readable.sort());
    await driver.status?.(signal);
    expect(instrument?.errors.size ?? 0).toBe(0);
  });

  it('sets every control and reads it back', async () => {
    await using bench = await openDefinitionBench(definition);
    const { driver } = bench;
    const before = await driver.readControls(undefined, signal);
    for (const { id } of driver.shape.controls) {
      const control = driver.shape.controls.find((one) => one.id === id);
      if (!control) continue;
      for (const value of valuesFor(control, before[id])) {
        const readBack = await driver.setControl(id, value, signal);
        if (!isAsked(control)) continue;
        // A single shot is over as soon as it is taken.
        if (id === 'acquire' && value === 'single') continue;
        if (typeof value !== 'number') expect(readBack[id], `${id} = ${value}`).toBe(value);
        else
          expect(Math.abs(Number(readBack[id]) - value), `${id} = ${value}`).toBeLessThanOrEqual(
            tolerance(control, value),
          );
      }
    }
    expect(bench.reports).toEqual([]);
  });

  it('refuses what is out of range before anything is sent', async () => {
    await using bench = await openDefinitionBench(definition);
    const { driver, sent } = bench;
    const count = sent().length;
    for (const { id, kind, max } of driver.shape.controls) {
      const wrong = kind === 'number' ? (max === undefined ? Number.NaN : max + Math.abs(max) + 1) : 'no such thing';
      if (kind === 'action') continue;
      await expect(driver.setControl(id, wrong, signal), id).rejects.toMatchObject({ code: 'call.invalid' });
    }
    expect(sent()).toHaveLength(count);
  });

  it('switches outputs off and confirms each', async () => {
    await using bench = await openDefinitionBench(definition);
    const { driver } = bench;
    const outputs = driver.shape.controls.filter(({ isOutput }) => isOutput);
    for (const one of outputs) {
      const readBack = await driver.setControl(one.id, true, signal);
      if (isAsked(one)) expect(readBack[one.id]).toBe(true);
    }
    const results = await driver.outputsOff();
    expect(results).toMatchObject(outputs.map((one) => ({ group: one.group, confirmed: isAsked(one) })));
    const after = await driver.readControls(
      outputs.map(({ id }) => id),
      signal,
    );
    for (const one of outputs) if (isAsked(one)) expect(after[one.id]).toBe(false);
  });

  itIf(definition.screenshot)('takes a picture of the screen', async () => {
    await using bench = await openDefinitionBench(definition);
    const picture = await bench.driver.screenshot?.(signal);
    expect(picture?.type).toBe(`image/${definition.screenshot?.format}`);
    expect(picture?.bytes.length).toBeGreaterThan(500);
    expect(bench.instrument?.errors.size ?? 0).toBe(0);
    expect(bench.session.stats.lateBytes).toBe(0);
  });

  itIf(definition.waveform)('captures what the probes see', async () => {
    await using bench = await openDefinitionBench(definition);
    const { driver, circuit } = bench;
    circuit.source.voltage = 4;
    circuit.source.currentLimit = 2;
    circuit.source.on = true;
    const [first] = driver.shape.waveforms;
    await driver.setControl('ch1.display', true, signal);
    await driver.setControl('ch1.scale', 1, signal);
    // Where a scope has no offset in volts, its position in divisions is zero already.
    if (driver.shape.controls.some(({ id }) => id === 'ch1.offset')) await driver.setControl('ch1.offset', 0, signal);
    await expect.poll(() => circuit.advance().loadV).toBeGreaterThan(1);
    const waveform = await driver.capture?.([first?.channel ?? ''], signal);
    const samples = waveform?.samples[0] ?? new Float32Array();
    expect(samples.length).toBeGreaterThan(100);
    const last = samples.at(-1) ?? Number.NaN;
    expect(last).toBeGreaterThan(0.3);
    expect(last).toBeLessThan(4.2);
    // A span of all divisions of the time base.
    const timebase = (await driver.readControls(['timebase.scale'], signal))['timebase.scale'];
    expect((waveform?.dtS ?? 0) * samples.length).toBeCloseTo(Number(timebase) * bench.divisions, 6);
    await expect(driver.capture?.(['ch99.waveform'], signal)).rejects.toMatchObject({ code: 'call.invalid' });
    expect((await driver.readControls(['acquire'], signal)).acquire).toBe('run');
    expect(bench.instrument?.errors.size ?? 0).toBe(0);
  });

  itIf(definition.errors !== 'none')('hears what the instrument refuses', async () => {
    await using bench = await openDefinitionBench(definition);
    const refused = bench.driver.send?.(':NOT:A:COMMAND 1', {});
    await expect(refused).rejects.toMatchObject({ code: 'instrument.rejected' });
    await bench.driver.readControls(undefined, signal);
  });
});

/** What the instrument keeps of a number: its step, or four digits. */
function tolerance({ resolution }: Control, value: number): number {
  return Math.max(resolution ?? 0, Math.abs(value) * 1e-3, 1e-12);
}
