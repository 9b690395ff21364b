import { describe, expect, it, test } from 'vitest';
import type { Control } from '../../core/instrument.ts';
import { otherControls, otherLamps } from './shown-controls.ts';

function control(id: string, kind: Control['kind'] = 'number'): Control {
  const group = /^(ch\d)\./.exec(id)?.[1] ?? '';
  return { id, group, label: id, kind };
}

const ids = (controls: Control[]): string[] => controls.map(({ id }) => id);

describe('controls without a place on the card of their role', () => {
  it('are those of the whole supply and those its outputs do not show', () => {
    const controls = [
      'output.all',
      'ch1.voltage.set',
      'ch1.output',
      'ch1.ovp.level',
      'ch1.protection.clear',
      'ch1.source',
    ].map((id) => control(id));
    expect(ids(otherControls({ role: 'supply', controls, values: {} }))).toEqual(['output.all', 'ch1.source']);
  });

  it('are the levels of a load in its other modes', () => {
    const controls = ['mode', 'input', 'level.cc', 'level.cv', 'slew'].map((id) => control(id));
    expect(ids(otherControls({ role: 'load', controls, values: { mode: { readBack: 'CV' } } }))).toEqual([
      'level.cc',
      'slew',
    ]);
  });

  it('are what a meter does not offer as a choice', () => {
    const controls = [control('function', 'choice'), control('nplc'), control('autozero', 'switch')];
    expect(ids(otherControls({ role: 'meter', controls, values: {} }))).toEqual(['nplc', 'autozero']);
  });

  it('are all of an instrument of no role, and none of a scope or a streaming device', () => {
    const controls = [control('a'), control('ch1.b')];
    expect(otherControls({ role: 'unknown', controls, values: {} })).toHaveLength(2);
    expect(otherControls({ role: 'scope', controls, values: {} })).toEqual([]);
    expect(otherControls({ role: 'stream', controls, values: {} })).toEqual([]);
  });
});

test('lamps without a place are words; those that say nothing are left out', () => {
  const status = { 'ch1.mode': 'CV', 'ch1.tripped': '', tracking: 'series', remote: '' };
  expect(otherLamps({ role: 'supply', status })).toEqual([{ id: 'tracking', word: 'series' }]);
});
