import { expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { Control, ControlValue, InstrumentShape } from '../../core/instrument.ts';
import type { OutputLimits } from './limits.ts';
import { SafetyGate } from './safety-gate.ts';
import type { SafetyTarget } from './safety-host.ts';

/** A supply of two outputs, the first with limits, that keeps what it is sent. */
class Supply {
  readonly sent: string[] = [];
  readonly values: Record<string, ControlValue> = {};
  readonly controls: Control[];
  readonly limits: Record<string, OutputLimits> = { ch1: { maxV: 3.05, maxA: 1, unarmed: [], device: 'Board' } };
  readonly #gate: SafetyGate;
  readonly #target: SafetyTarget;

  constructor(coupling?: Partial<Control>, commands: string[] = []) {
    this.controls = ['ch1', 'ch2'].flatMap((group): Control[] => [
      { id: `${group}.voltage.set`, group, label: 'Voltage', kind: 'number', unit: 'V', resolution: 0.1 },
      { id: `${group}.current.set`, group, label: 'Current', kind: 'number', unit: 'A', resolution: 0.001 },
      { id: `${group}.output`, group, label: 'Output', kind: 'switch', isOutput: true },
    ]);
    if (coupling) this.controls.push({ id: 'tracking', group: '', label: 'Tracking', kind: 'switch', ...coupling });
    for (const { id, kind } of this.controls) this.values[id] = kind === 'number' ? 0 : false;
    const shape = { role: 'supply', controls: this.controls, commands } as unknown as InstrumentShape;
    this.#target = {
      id: 'supply',
      label: 'Supply',
      shape,
      read: async (ids) =>
        Object.fromEntries(ids.flatMap((id) => (id in this.values ? [[id, this.values[id]]] : []))) as Record<
          string,
          ControlValue
        >,
      writes: (id, value) =>
        typeof value === 'number' ? [`${id} ${this.written(value)}`] : [`${id} ${String(value)}`],
    };
    this.#gate = new SafetyGate({
      clock: new ManualClock(),
      limitsOf: (_, group) => this.limits[group],
      isLimited: () => true,
      refused: () => {},
    });
  }

  written(value: number): string {
    return (Math.round(value * 10) / 10).toFixed(1);
  }

  async set(id: string, value: ControlValue): Promise<string> {
    const control = this.controls.find((one) => one.id === id);
    if (!control) throw new Error(id);
    const send = async (step: ControlValue): Promise<Record<string, ControlValue>> => {
      this.values[id] = step;
      this.sent.push(`${id} ${typeof step === 'number' ? this.written(step) : String(step)}`);
      return {};
    };
    try {
      await this.#gate.set(this.#target, control, value, send, new AbortController().signal);
      return 'done';
    } catch (error) {
      return LabError.from(error).message;
    }
  }
}

test('what is judged is what the driver writes', async () => {
  const supply = new Supply();
  expect(await supply.set('ch1.voltage.set', 3.05)).toContain('3.1 V is above 3.05 V');
  expect(await supply.set('ch1.voltage.set', 3.04)).toBe('done');
  expect(await supply.set('ch1.current.set', 1)).toBe('done');
  expect(supply.sent).toEqual(['ch1.voltage.set 3.0', 'ch1.current.set 1.0']);
});

test('with coupled outputs nothing is set or switched on that may move the one with limits', async () => {
  const supply = new Supply({});
  expect(await supply.set('ch2.voltage.set', 20)).toBe('done');
  supply.values.tracking = true;
  expect(await supply.set('ch2.voltage.set', 21)).toContain('Tracking is on');
  expect(await supply.set('ch1.voltage.set', 1)).toContain('Tracking is on');
  expect(await supply.set('ch2.output', true)).toContain('Tracking is on');
  expect(await supply.set('ch2.output', false)).toBe('done');
  delete supply.values.tracking;
  expect(await supply.set('ch2.voltage.set', 21)).toContain('could not be read back');
  supply.values.tracking = true;
  supply.values['ch1.output'] = true;
  expect(await supply.set('tracking', false), 'not while on').toContain('switch the output off first');
  supply.values['ch1.output'] = false;
  expect(await supply.set('tracking', false)).toBe('done');
  expect(await supply.set('tracking', true)).toContain('cannot be judged');
  expect(await supply.set('ch2.voltage.set', 21)).toBe('done');
  expect(supply.sent.filter((line) => line.startsWith('ch2.voltage'))).toEqual([
    'ch2.voltage.set 20.0',
    'ch2.voltage.set 21.0',
  ]);
});

test('where only commands couple, an output without limits has those of the others until it has its own', async () => {
  const supply = new Supply(undefined, ['OUTP:TRACK']);
  expect(await supply.set('ch2.voltage.set', 20)).toContain('until it is given its own');
  expect(await supply.set('ch2.voltage.set', 3)).toBe('done');
  supply.limits.ch2 = { maxV: 30, unarmed: [], device: 'Other' };
  expect(await supply.set('ch2.voltage.set', 20)).toBe('done');
});
