import { describe, expect, test } from 'vitest';
import type { Control, ControlValue, Role } from '../../core/instrument.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import type { OutputState } from './judge.ts';
import { asksOnly, judgeText, type TextVerdict } from './judge-text.ts';
import type { OutputLimits } from './limits.ts';
import { outputShape } from './output-shape.ts';
import { type WriteForm, type Writes, writeForms } from './write-form.ts';

/** Limits of every output unless a test says otherwise. */
const LIMITS: OutputLimits = { maxV: 5, maxA: 2, unarmed: [], device: 'Board' };

interface Dialect {
  role: Role;
  controls: Control[];
  writes: Writes;
}

function supply(
  groups: string[],
  write: (group: string, what: 'volt' | 'curr' | 'outp' | 'ovp', value: ControlValue) => string[],
): Dialect {
  const controls = groups.flatMap((group): Control[] => [
    { id: `${group}.voltage.set`, group, label: 'Voltage', kind: 'number', unit: 'V', min: 0, max: 30 },
    { id: `${group}.current.set`, group, label: 'Current limit', kind: 'number', unit: 'A', min: 0, max: 3 },
    { id: `${group}.output`, group, label: 'Output', kind: 'switch', isOutput: true },
    { id: `${group}.ovp.level`, group, label: 'OVP level', kind: 'number', unit: 'V', min: 0, max: 33 },
  ]);
  const names: Record<string, 'volt' | 'curr' | 'outp' | 'ovp'> = {
    'voltage.set': 'volt',
    'current.set': 'curr',
    output: 'outp',
    'ovp.level': 'ovp',
  };
  const writes: Writes = (id, value) => {
    const [group = '', ...rest] = id.split('.');
    const what = names[rest.join('.')];
    return what ? write(group, what, value) : undefined;
  };
  return { role: 'supply', controls, writes };
}

const onOff = (value: ControlValue): string => (value === true ? 'ON' : 'OFF');

/** As a DP832: the output in the header or as a parameter. */
const rigol = supply(['ch1', 'ch2'], (group, what, value) => {
  const number = group.slice(2);
  if (what === 'outp') return [`:OUTP CH${number},${onOff(value)}`];
  if (what === 'ovp') return [`:OUTP:OVP:VAL CH${number},${value}`];
  return [`:SOUR${number}:${what.toUpperCase()} ${value}`];
});
/** As an HMP: the output is selected first. */
const selected = supply(['ch1', 'ch2'], (group, what, value) => {
  const select = `INST:NSEL ${group.slice(2)}`;
  if (what === 'outp') return [select, `OUTP ${onOff(value)}`];
  return [select, what === 'ovp' ? `VOLT:PROT ${value}` : `${what.toUpperCase()} ${value}`];
});
/** As an E36300: a channel list behind it. */
const listed = supply(['ch1', 'ch2'], (group, what, value) => {
  const list = `(@${group.slice(2)})`;
  if (what === 'outp') return [`OUTP ${value === true ? 1 : 0},${list}`];
  return [what === 'ovp' ? `VOLT:PROT ${value},${list}` : `${what.toUpperCase()} ${value},${list}`];
});
/** As a KA3005P: no SCPI at all. */
const korad = supply(['ch1'], (_, what, value) => {
  if (what === 'outp') return [value === true ? 'OUT1' : 'OUT0'];
  if (what === 'ovp') return [];
  return [what === 'volt' ? `VSET1:${Number(value).toFixed(2).padStart(5, '0')}` : `ISET1:${Number(value).toFixed(3)}`];
});
/** As a BK 1685: tenths of a volt, and 0 is on. */
const tenths = supply(['ch1'], (_, what, value) => {
  if (what === 'outp') return [value === true ? 'SOUT0' : 'SOUT1'];
  if (what === 'ovp') return [];
  return [`${what.toUpperCase()}${String(Math.round(Number(value) * 10)).padStart(3, '0')}`];
});

function load(): Dialect {
  return {
    role: 'load',
    controls: [
      { id: 'mode', group: '', label: 'Mode', kind: 'choice', choices: ['CC', 'CV'] },
      { id: 'level.cc', group: '', label: 'Current', kind: 'number', unit: 'A', min: 0, max: 30 },
      { id: 'level.cv', group: '', label: 'Voltage', kind: 'number', unit: 'V', min: 0, max: 150 },
      { id: 'input', group: '', label: 'Input', kind: 'switch', isOutput: true },
    ],
    writes: (id, value) => {
      if (id === 'mode') return [`:SOUR:FUNC ${value === 'CC' ? 'CURRENT' : 'VOLTAGE'}`];
      if (id === 'input') return [`:SOUR:INP ${onOff(value)}`];
      return [`:SOUR:${id === 'level.cc' ? 'CURR' : 'VOLT'} ${value}`];
    },
  };
}

/** Found once for each dialect. */
const found = new Map<Dialect, WriteForm[]>();

function formsOf(dialect: Dialect): WriteForm[] {
  const forms = found.get(dialect) ?? writeForms(dialect.controls, dialect.writes);
  found.set(dialect, forms);
  return forms;
}

function judged(
  dialect: Dialect,
  text: string,
  options: { state?: OutputState; limits?: OutputLimits; only?: string } = {},
): TextVerdict {
  const outputs = outputShape(dialect);
  const state = options.state ?? { isOn: false, mode: 'CC', values: { V: 1, A: 1 } };
  return judgeText(text, {
    outputs,
    forms: formsOf(dialect),
    states: new Map(outputs.groups.map((group) => [group, state])),
    limitsOf: (group) =>
      options.only === undefined || options.only === group ? (options.limits ?? LIMITS) : undefined,
  });
}

const refused = (verdict: TextVerdict): string => ('refused' in verdict ? verdict.refused : '');
const groupsOf = (verdict: TextVerdict): string[] =>
  'refused' in verdict ? [] : [...new Set(verdict.changes.map(({ group }) => group))];

describe('what moves an output is found in every spelling', () => {
  test.each<[string, Dialect, string, string]>([
    ['as the driver writes it', rigol, ':SOUR1:VOLT 6', 'above 5 V'],
    ['in any case', rigol, ':sour1:volt 6', 'above 5 V'],
    ['long', rigol, 'SOURce1:VOLTage 6', 'above 5 V'],
    ['with what may be left out', rigol, ':SOURCE1:VOLTAGE:LEVEL:IMMEDIATE:AMPLITUDE 6', 'above 5 V'],
    ['with a unit', rigol, ':SOUR1:VOLT 5001mV', 'above 5 V'],
    ['with a unit behind a space', rigol, ':SOUR1:VOLT 0.006 kV', 'above 5 V'],
    ['with an exponent', rigol, ':SOUR1:VOLT 0.6E1', 'above 5 V'],
    ['MAX', rigol, ':SOUR1:VOLT MAX', 'above 5 V'],
    ['control characters for white space', rigol, ':SOUR1:VOLT\t6', 'above 5 V'],
    ['behind a question', rigol, ':SOUR1:VOLT?;:SOUR1:VOLT 6', 'above 5 V'],
    ['behind something allowed', rigol, ':SOUR1:VOLT 1;:SOUR1:VOLT 6', 'above 5 V'],
    ['by the path of the one before', rigol, ':SOUR1:VOLT?;CURR 6', 'above 2 A'],
    ['of the selected output', rigol, 'VOLT 6', 'above 5 V'],
    ['a selection', selected, 'INST:NSEL 2;:VOLT 6', 'above 5 V'],
    ['no selection', selected, 'VOLT 6', 'above 5 V'],
    ['a channel list', listed, 'VOLT 6,(@2)', 'above 5 V'],
    ['a list of several', listed, 'VOLT 6,(@1,2)', 'above 5 V'],
    ['a range of a list', listed, 'CURR 3,(@1:2)', 'above 2 A'],
    ['no list', listed, 'VOLT 6', 'above 5 V'],
    ['no SCPI', korad, 'VSET1:06.00', 'above 5 V'],
    ['no SCPI, other digits', korad, 'VSET1:6', 'above 5 V'],
    ['tenths', tenths, 'VOLT051', 'above 5 V'],
    ['a load', load(), 'CURR 3', 'above 2 A'],
    ['the mode of a load', load(), 'FUNC VOLT', 'use CC'],
  ])('%s', (_, dialect, text, why) => expect(refused(judged(dialect, text))).toContain(why));
});

describe('what cannot be judged is refused', () => {
  test.each([
    '*RST',
    '*RCL 1',
    '*TRG',
    '*TST?',
    'APPL CH1,5,1',
    ':SOUR1:VOLT DEF',
    ':SOUR1:VOLT UP',
    ':SOUR1:VOLT #H06',
    ':SOUR1:VOLT 6 EXV',
    ':SOUR1:VOLT 1,6',
    ':SOUR1:VOLT:TRIG 4',
    'VOLT? 1;VOLTX',
    'SYST:KEY 12',
    'SYST:PRES',
    'MEAS?VOLT',
    'OUTP:PAIR PAR',
    ':SOUR1:VOLT 1\nVOLT 30',
    ':SOUR1:VOLT 1\u013bVOLT 30',
    ':SOUR1:VOLT 1\u00bbVOLT 30',
    'DISP:TEXT "open',
    'DISP:TEXT "VOLT 30;OUTP ON"',
    'DISP:TEXT (;:SOUR1:VOLT 30;)',
    'DISP:TEXT );:SOUR1:VOLT 30;:DISP:TEXT (',
    'DISP:X?;SOUR1:VOLT?;DISP:Y?;SOUR1:VOLT:LEV?;IMM 30',
    'DISP:X?;OUTP:STAT?;STAT CH1,ON,2',
    'INST:NSEL 1;VOLT 1',
    'VOLT 1;CURR 1',
  ])('%j', (text) => expect(refused(judged(rigol, text))).not.toBe(''));

  test.each([
    [korad, 'VSET1:1E1'],
    [korad, 'VSET1:1 mV'],
    [tenths, 'VOLT5'],
    [tenths, 'VOLT0050'],
  ])('%# digits that a dialect may read otherwise: %s', (dialect, text) => {
    expect(refused(judged(dialect, text))).toContain('cannot be read');
  });

  test('a header goes on from the one before as that was written, for some', () => {
    const on = { state: { isOn: false, mode: 'CC', values: { V: 9, A: 1 } } };
    expect(refused(judged(rigol, 'OUTP:STAT CH1,ON', on))).not.toBe('');
    expect(refused(judged(rigol, 'DISP:X?;OUTP:STAT?;STAT CH1,ON', on))).toContain('above 5 V');
  });

  test('two changes of which nobody can tell the output', () => {
    expect(refused(judged(selected, 'VOLT 1;:CURR 1'))).toContain('one by one');
    // By the path rule the second is of output 1; not every instrument follows it.
    expect(refused(judged(rigol, ':SOUR1:VOLT 1;CURR 1'))).toContain('one by one');
  });
});

describe('what is within the limits, or moves nothing, goes', () => {
  test.each<[Dialect, string, string[]]>([
    [rigol, ':SOUR1:VOLT 4.5', ['ch1']],
    [rigol, ':SOUR2:CURR 2', ['ch2']],
    [rigol, ':OUTP CH1,OFF', ['ch1']],
    [rigol, ':OUTP CH1,ON', ['ch1']],
    [rigol, 'OUTPUT CH2,1', ['ch2']],
    [rigol, 'OUTP OFF', ['ch1', 'ch2']],
    [rigol, ':OUTP:OVP:VAL CH1,20', []],
    [rigol, '*IDN?', []],
    [rigol, ':MEAS:ALL? CH1;:SOUR1:VOLT?', []],
    [rigol, '*CLS;*ESE 60;*OPC', []],
    [rigol, 'SYST:BEEP', []],
    [rigol, 'DISP:TEXT "VOLT 30, OUTP ON"', []],
    [rigol, ':SOUR1:VOLT 2;:SOUR1:CURR 1', ['ch1']],
    [selected, 'INST:NSEL 2;:VOLT 4', ['ch2']],
    [selected, 'INST:NSEL 1', []],
    [selected, 'INSTRUMENT:NSELECT 2;:VOLT 4', ['ch1', 'ch2']],
    [listed, 'VOLT 4,(@2)', ['ch2']],
    [listed, 'OUTP OFF,(@1:2)', ['ch1', 'ch2']],
    [korad, 'VSET1:04.00', ['ch1']],
    [korad, 'OUT0', ['ch1']],
    [korad, 'STATUS?', []],
    [tenths, 'VOLT049', ['ch1']],
    [load(), ':SOUR:CURR 1.5', ['']],
  ])('%#: %s', (dialect, text, groups) => {
    const verdict = judged(dialect, text);
    expect(refused(verdict)).toBe('');
    expect(groupsOf(verdict)).toEqual(groups);
  });

  test('a selection that is changed in the same message is not trusted', () => {
    const options = { only: 'ch2' };
    expect(refused(judged(selected, 'INST:NSEL 1;:VOLT 30', options))).toBe('');
    expect(refused(judged(selected, 'INST:NSEL 1;:INSTRUMENT:NSELECT 2;:VOLT 30', options))).toContain('above 5 V');
    expect(refused(judged(rigol, ':SOUR1:VOLT 30', options)), 'no limit there').toBe('');
  });

  test('switching on is judged by what was read back, and by arming', () => {
    const high: OutputState = { isOn: false, values: { V: 12, A: 1 } };
    expect(refused(judged(rigol, ':OUTP CH1,ON', { state: high }))).toContain('above 5 V');
    expect(refused(judged(rigol, ':SOUR1:VOLT 3;:OUTP CH1,ON', { state: high }))).toBe('');
    const limits = { ...LIMITS, unarmed: ['Board'] };
    expect(refused(judged(rigol, ':OUTP CH1,ON', { limits }))).toContain('must be armed');
    expect(refused(judged(korad, 'OUT1', { limits }))).toContain('must be armed');
    expect(refused(judged(tenths, 'SOUT0', { limits }))).toContain('must be armed');
    expect(refused(judged(tenths, 'SOUT1', { limits }))).toBe('');
  });

  test('a step too fast is refused, a small one waits for its time', () => {
    const limits = { ...LIMITS, slewVPerS: 2 };
    const state: OutputState = { isOn: true, values: { V: 1, A: 1 } };
    expect(refused(judged(rigol, ':SOUR1:VOLT 2', { limits, state }))).toContain('faster than 2 V/s');
    expect(judged(rigol, ':SOUR1:VOLT 1.1', { limits, state })).toMatchObject({ pauseMs: expect.closeTo(50) });
    expect(refused(judged(rigol, ':SOUR1:VOLT 1.1;:SOUR1:VOLT 1.2', { limits, state }))).toContain('twice');
    expect(judged(rigol, ':SOUR1:VOLT 4', { limits, state: { ...state, isOn: false } })).toMatchObject({ pauseMs: 0 });
  });
});

test('only questions ask only', () => {
  expect(asksOnly('*IDN?;:MEAS:VOLT? CH1')).toBe(true);
  expect(asksOnly('VOLT 30;VOLT?')).toBe(false);
  expect(asksOnly('*TST?')).toBe(false);
});

test('mangled texts never get a value beyond the limit through', () => {
  const pieces = [
    ':',
    'SOUR1',
    'SOURCE2',
    'VOLT',
    'VOLTAGE',
    'CURR',
    'LEV',
    ' ',
    '  ',
    '\t',
    ';',
    ',',
    '30',
    '6E0',
    '4',
    'MAX',
    'CH1',
    '(@1)',
    '?',
    '"',
    '*',
    'OUTP',
    'ON',
    'INST:NSEL 1',
    'kV',
    'mV',
  ];
  for (const dialect of [rigol, selected, listed, korad]) {
    const random = seededRandom(7);
    for (let round = 0; round < 2500; round++) {
      const text = Array.from({ length: 1 + random.below(9) }, () => pieces[random.below(pieces.length)]).join('');
      const verdict = judged(dialect, text);
      if ('refused' in verdict) continue;
      for (const { change } of verdict.changes) {
        if (change.kind === 'set') expect(change.value, text).toBeLessThanOrEqual(change.quantity === 'V' ? 5 : 2);
      }
      // A text that names a voltage of 30 anywhere outside quotes and questions was not let through as something else.
      const said = text
        .replace(/"[^"]*"/g, '')
        .split(';')
        .filter((unit) => !/^\s*\S*\?/.test(unit));
      expect(
        said.some((unit) => /^\s*:?(SOUR(CE)?\d:)?VOLT(AGE)?(:LEV)?\s+30(\s|kV|$)/.test(unit)),
        text,
      ).toBe(false);
    }
  }
});
