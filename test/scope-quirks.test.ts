import { afterAll, describe, expect, it } from 'vitest';
import { openScopes } from '../src/core/scope.ts';
import { builtInFolder, readDefinition } from '../src/engine/driver/definition-folder.ts';
import type { FamilyDefinition } from '../src/protocol/definition/definition-schema.ts';
import { isQuery } from '../src/protocol/scpi-line.ts';
import { type DefinitionBench, openDefinitionBench } from './lab/definition-bench.ts';

/** What scopes of one maker want and others do not. */
const { signal } = new AbortController();

afterAll(() => expect(openScopes()).toEqual([]));

function family(id: string, change: (definition: FamilyDefinition) => void = () => {}): Promise<DefinitionBench> {
  const definition = structuredClone(readDefinition(builtInFolder(), `${id}.yaml`));
  change(definition);
  return openDefinitionBench(definition);
}

/** What was sent by a step. */
async function sentBy({ sent }: DefinitionBench, step: () => Promise<unknown> | undefined): Promise<string[]> {
  const before = sent().length;
  await step();
  return sent().slice(before);
}

describe('memories deeper than may be', () => {
  it.each(['keysight-infiniivision', 'siglent-sds-old', 'siglent-sds-hd', 'tektronix-mso', 'tektronix-tbs2000'])(
    '%s: fewer samples of the same time',
    async (id) => {
      await using bench = await family(id, ({ waveform }) => {
        if (waveform) waveform.with = { ...waveform.with, maxPoints: 250, pointsPerRead: 500 };
      });
      const { driver, divisions } = bench;
      await driver.setControl('ch4.display', true, signal);
      const waveform = await driver.capture?.(['ch4.waveform'], signal);
      const samples = waveform?.samples[0] ?? new Float32Array();
      expect(samples.length).toBeGreaterThan(200);
      expect(samples.length).toBeLessThanOrEqual(250);
      const { 'timebase.scale': scale } = await driver.readControls(['timebase.scale'], signal);
      const spanS = (waveform?.dtS ?? 0) * samples.length;
      expect(spanS / (Number(scale) * divisions)).toBeCloseTo(1, 2);
      expect(Math.max(...samples)).toBeGreaterThan(2);
      expect(Math.min(...samples)).toBeLessThan(1);
      expect(bench.instrument?.errors.size).toBe(0);
    },
  );
});

describe('Keysight InfiniiVision', () => {
  it('digitizes all channels at once while it triggers by itself, and is stopped while it waits for triggers', async () => {
    await using free = await family('keysight-infiniivision');
    await free.driver.setControl('ch2.display', true, signal);
    const both = ['ch1.waveform', 'ch2.waveform'];
    const digitized = await sentBy(free, () => free.driver.capture?.(both, signal));
    expect(digitized.slice(0, 4)).toEqual([':OPER:COND?', ':TRIG:SWE?', ':DIG CHAN1,CHAN2', '*OPC?']);
    expect(digitized.at(-1)).toBe(':RUN');
    expect(digitized).not.toContain(':STOP');
    await using waiting = await family('keysight-infiniivision', ({ simulation }) => {
      simulation.answers[':TRIG:SWE?'] = 'NORM';
    });
    const stopped = await sentBy(waiting, () => waiting.driver.capture?.(['ch1.waveform'], signal));
    expect(stopped.slice(0, 3)).toEqual([':OPER:COND?', ':TRIG:SWE?', ':STOP']);
    expect(stopped.filter((text) => text.startsWith(':DIG'))).toEqual([]);
    expect(stopped.at(-1)).toBe(':RUN');
  });

  it('tells running from one bit of its condition', async () => {
    await using bench = await family('keysight-infiniivision');
    expect(await bench.driver.setControl('acquire', 'stop', signal)).toEqual({ acquire: 'stop' });
    expect(await bench.driver.status?.(signal)).toEqual({ 'trigger.state': 'STOP' });
    const read = await sentBy(bench, () => bench.driver.capture?.(['ch1.waveform'], signal));
    expect(read).not.toContain(':RUN');
    expect(await bench.driver.setControl('acquire', 'run', signal)).toEqual({ acquire: 'run' });
    expect(await bench.driver.status?.(signal)).toEqual({ 'trigger.state': 'RUN' });
  });
});

describe('Siglent, old', () => {
  it('has a level and a slope for each source; both registers are read after a command', async () => {
    await using bench = await family('siglent-sds-old');
    const { driver } = bench;
    await driver.setControl('trigger.source', 'CH2', signal);
    const level = await sentBy(bench, () => driver.setControl('trigger.level', 0.25, signal));
    expect(level).toEqual(['TRSE?', 'CMR?', 'EXR?', 'C2:TRLV 0.25', 'CMR?', 'EXR?', 'TRSE?', 'C2:TRLV?']);
    expect(driver.help?.map(({ header }) => header)).toEqual(expect.arrayContaining(['C1:TRLV', 'C3:TRLV?', 'EXR?']));
    expect(await driver.readControls(['trigger.level', 'trigger.slope'], signal)).toEqual({
      'trigger.level': 0.25,
      'trigger.slope': 'rising',
    });
  });

  it('says **** for what it cannot measure: missing, not malformed', async () => {
    // A channel that is not shown has nothing to measure; here it is asked all the same.
    await using bench = await family('siglent-sds-old', ({ groups }) => {
      for (const group of Object.values(groups)) group.measuredWhile = undefined;
    });
    const row = await bench.driver.poll?.(signal);
    const at = bench.driver.shape.polled.findIndex(({ channel }) => channel === 'ch2.vpp');
    expect(row?.values[at]).toBeNaN();
    expect(row?.values.every(Number.isNaN)).toBe(false);
  });
});

describe('Siglent, new', () => {
  it('measures what was chosen as source before each question', async () => {
    await using bench = await family('siglent-sds-hd');
    const { driver } = bench;
    await driver.setControl('ch4.display', true, signal);
    const asked = await sentBy(bench, () => driver.poll?.(signal));
    const at = asked.indexOf(':MEAS:SIMP:SOUR C4');
    expect(asked.slice(at, at + 4)).toEqual([
      ':MEAS:SIMP:SOUR C4',
      ':MEAS:SIMP:VAL? PKPK',
      ':MEAS:SIMP:VAL? MEAN',
      ':MEAS:SIMP:VAL? FREQ',
    ]);
    const row = await driver.poll?.(signal);
    const measured = (name: string): number | undefined =>
      row?.values[driver.shape.polled.findIndex(({ channel }) => channel === name)];
    expect(measured('ch1.vpp')).toBeLessThan(0.5);
    expect(measured('ch4.vpp')).toBeCloseTo(3, 0);
    expect(measured('ch4.frequency')).toBeCloseTo(1000, -2);
  });
});

describe('Tektronix', () => {
  it('reads the badges on the screen, and never puts one there', async () => {
    await using bench = await family('tektronix-mso');
    const asked = await sentBy(bench, () => bench.driver.poll?.(signal));
    expect(asked.join(';')).toContain('MEASUrement:LIST?');
    expect(asked.every((text) => text.split(';').every(isQuery))).toBe(true);
    const row = await bench.driver.poll?.(signal);
    expect(row?.active).toEqual(['ch1.vpp', 'ch1.vavg', 'ch1.frequency']);
    expect(row?.values.slice(0, 3).every(Number.isFinite)).toBe(true);
  });

  it('TBS: chooses source and type of the immediate measurement before each value, in one transaction', async () => {
    await using bench = await family('tektronix-tbs2000');
    const { driver } = bench;
    await driver.setControl('ch4.display', true, signal);
    const asked = await sentBy(bench, () => driver.poll?.(signal));
    const at = asked.indexOf('MEASUrement:IMMed:SOUrce CH4');
    expect(asked.slice(at, at + 6)).toEqual([
      'MEASUrement:IMMed:SOUrce CH4',
      'MEASUrement:IMMed:TYPe PK2pk',
      'MEASUrement:IMMed:VALue?',
      'MEASUrement:IMMed:SOUrce CH4',
      'MEASUrement:IMMed:TYPe MEAN',
      'MEASUrement:IMMed:VALue?',
    ]);
    const row = await driver.poll?.(signal);
    const measured = (name: string): number | undefined =>
      row?.values[driver.shape.polled.findIndex(({ channel }) => channel === name)];
    // The compensation output of the bench: 0 V and 3 V, 1 kHz.
    expect(measured('ch4.vpp')).toBeCloseTo(3, 0);
    expect(measured('ch4.vavg')).toBeCloseTo(1.5, 0);
    expect(measured('ch4.frequency')).toBeCloseTo(1000, -2);
    expect(measured('ch1.vpp')).toBeLessThan(0.5);
  });

  it('leaves no file behind with its picture, also when none comes', async () => {
    await using bench = await family('tektronix-mso');
    const sent = await sentBy(bench, () => bench.driver.screenshot?.(signal));
    expect(sent).toEqual([
      'SAVe:IMAGe "C:/labwire-screen.png"',
      '*OPC?',
      'FILESystem:READFile "C:/labwire-screen.png"',
      'FILESystem:DELEte "C:/labwire-screen.png"',
    ]);
  });
});
