import { describe, expect, test } from 'vitest';
import type { Control } from '../../core/instrument.ts';
import { resolveFamily } from '../../protocol/definition/resolve.ts';
import { ControlTable } from '../driver/control-table.ts';
import { builtInFolder, definitionFiles, readDefinition } from '../driver/definition-folder.ts';
import { controlRow } from '../driver/definition-rows.ts';
import type { ScpiDialog } from '../driver/scpi-dialog.ts';
import type { OutputState } from './judge.ts';
import { judgeText } from './judge-text.ts';
import { outputShape } from './output-shape.ts';
import { type Writes, writeForms } from './write-form.ts';

/** A model of each family, for limits and numbers of outputs. */
const MODELS: Record<string, string> = { 'rigol-dp800': 'DP832', 'siglent-spd3000': 'SPD3303X-E', 'rs-hmp': 'HMP4040' };
const folder = builtInFolder();

interface Family {
  name: string;
  role: 'supply' | 'load';
  controls: Control[];
  writes: Writes;
}

/** Families with outputs, as their drivers would be. */
const families = definitionFiles(folder).flatMap((file): Family[] => {
  const definition = readDefinition(folder, file);
  const family = resolveFamily(definition, MODELS[definition.id] ?? '');
  const rows = family.groups.flatMap(({ controls, select }) =>
    controls.map((control) =>
      controlRow(control, select, (limit) => (typeof limit === 'number' ? limit : limit.typical)),
    ),
  );
  const table = new ControlTable(rows, undefined as unknown as ScpiDialog);
  if (outputShape({ role: family.role, controls: table.controls }).groups.length === 0) return [];
  const role = family.role === 'load' ? 'load' : 'supply';
  return [{ name: definition.id, role, controls: table.controls, writes: (id, value) => table.writes(id, value) }];
});

function judged({ role, controls, writes }: Family, text: string, limits: object, state: OutputState) {
  const outputs = outputShape({ role, controls });
  return judgeText(text, {
    outputs,
    forms: writeForms(controls, writes),
    states: new Map(outputs.groups.map((group) => [group, state])),
    limitsOf: () => ({ ...limits, unarmed: [], device: 'Board' }),
  });
}

test('there are supplies and loads among the families', () => {
  expect(families.filter(({ role }) => role === 'supply').length).toBeGreaterThan(5);
  expect(families.filter(({ role }) => role === 'load').length).toBeGreaterThan(1);
});

describe.each(families)('$name', (family) => {
  const { controls, writes, role } = family;
  const shape = outputShape({ role, controls });
  const state: OutputState = { isOn: false, mode: 'CC', values: { V: 0, A: 0, W: 0, Ohm: 1000 } };

  test.each(shape.controls.map((one) => [one.control.id, one] as const))(
    '%s is recognised as the driver writes it',
    (id, { control, part }) => {
      const limits = { maxV: 0.5, minV: 0, maxA: 0.5, maxW: 0.25 };
      const value = (amount: number): string =>
        (writes(id, amount) ?? []).join(';:').replaceAll(':*', '*').replaceAll('::', ':');
      if (part.kind === 'setpoint' && part.quantity !== 'Ohm') {
        const verdict = judged(family, value(2), limits, state);
        expect(verdict, value(2)).toHaveProperty('refused');
        if ('refused' in verdict) expect(verdict.refused, value(2)).toMatch(/above|one by one/);
      }
      if (part.kind === 'switch') {
        const written = (on: boolean): string => (writes(id, on) ?? []).join(';:').replaceAll('::', ':');
        const high: OutputState = { ...state, values: { V: 9, A: 9, W: 9, Ohm: 0.1 } };
        expect(judged(family, written(true), limits, high), written(true)).toHaveProperty('refused');
        expect(judged(family, written(false), limits, high), written(false)).not.toHaveProperty('refused');
      }
      expect(control.group).toBeTypeOf('string');
    },
  );

  test('a reset is refused, questions are not', () => {
    expect(judged(family, '*RST', { maxV: 1 }, state)).toHaveProperty('refused');
    expect(judged(family, '*IDN?', { maxV: 1 }, state)).not.toHaveProperty('refused');
  });
});
