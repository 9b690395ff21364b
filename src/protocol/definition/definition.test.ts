import { describe, expect, it } from 'vitest';
import { formatNumber, holds, numberIn, partOf, shownBy } from './answer.ts';
import type { FamilyDefinition } from './definition-schema.ts';
import { lintDefinition } from './lint.ts';
import { parseDefinition } from './parse-definition.ts';
import { resolveFamily } from './resolve.ts';

const control = {
  label: 'Voltage',
  kind: 'number',
  unit: 'V',
  min: 0,
  max: 'volts',
  read: 'V{n}?',
  write: 'V{n} {value}',
  help: 'Voltage.',
};
const output = {
  label: 'Output',
  kind: 'switch',
  isOutput: true,
  read: 'O{n}?',
  write: 'O{n} {value}',
  help: 'Output.',
};
const document = {
  id: 'acme',
  title: 'Acme',
  role: 'supply',
  sources: [{ title: 'manual' }],
  match: [{ maker: 'acme', model: '^P' }],
  models: [
    { model: '^P2', outputs: 2, volts: [30, 6] },
    { model: '.*', outputs: 1, volts: 30 },
  ],
  errors: 'none',
  poll: { rateHz: 1, maxHz: 2 },
  groups: { 'ch{n}': { count: 'outputs', controls: { 'voltage.set': control, output } } },
  simulation: { identity: 'ACME,P2,1,1' },
};

/** The document with a change at a path. */
function changed(path: readonly string[], value: unknown): FamilyDefinition {
  const copy = structuredClone(document) as Record<string, unknown>;
  let at = copy;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
  at[path.at(-1) ?? ''] = value;
  return parseDefinition(copy, 'acme.yaml');
}

describe('answers', () => {
  it.each([
    ['12.5V', {}, 12.5],
    ['+5.00026E+00NVDC,+20567.08SECS', { field: 1, match: '^[-+.\\dE]+(?=N)' }, 5.00026],
    ['CH1:30V/5A,12.000,3.000', { field: 2 }, 12],
    ['050', { scale: 0.1 }, 5],
    ['0x1F', { base: 'hex' }, 31],
    ['A', { base: 'byte' }, 65],
    [' ', { base: 'byte' }, 32],
    ['1E9', { overload: 1e9 }, Number.POSITIVE_INFINITY],
    ['9.9E37', { overload: 'missing' }, Number.NaN],
    ['-9.9E37', {}, Number.NEGATIVE_INFINITY],
    ['VOLT 1', {}, undefined],
    ['PKPK,****', { field: 2, missing: '****' }, Number.NaN],
    ['PKPK,****', { field: 2 }, undefined],
    ['1,2', { field: 3 }, undefined],
  ] as const)('%s with %o is %s', (text, part, value) => {
    expect(numberIn(text, part)).toBe(value);
  });

  it('tests words, booleans and bits', () => {
    expect(holds('"volt"', { is: 'VOLT' })).toBe(true);
    expect(holds('+1', { is: true })).toBe(true);
    expect(holds('maybe', { is: true })).toBeUndefined();
    expect(holds('0x14', { base: 'hex', bit: 4 })).toBe(true);
    expect(holds('12', { mask: 12, equals: 8 })).toBe(false);
    expect(holds('1.5', { bit: 0 })).toBeUndefined();
    expect(partOf("'a''b'", {})).toBe("a'b");
  });

  it('shows lamps', () => {
    expect(shownBy({ ask: 'Q?', flags: { 0: 'OVP', 2: 'OTP' } }, '5')).toBe('OVP OTP');
    expect(shownBy({ ask: 'Q?', flags: { 0: 'OVP' } }, '0')).toBeUndefined();
    expect(shownBy({ ask: 'Q?', words: { CURR: 'CC' } }, 'curr')).toBe('CC');
    expect(shownBy({ ask: 'Q?' }, ' td')).toBe('TD');
    expect(shownBy({ show: '' }, '')).toBe('');
  });

  it('writes numbers as the instrument wants them', () => {
    expect(formatNumber(5, '00.00')).toBe('05.00');
    expect(formatNumber(5, '000', 0.1)).toBe('050');
    expect(formatNumber(0.1 + 0.2, undefined)).toBe('0.3');
    expect(formatNumber(-1.5, '0.0')).toBe('-1.5');
    expect(formatNumber(2e-9, undefined)).toBe('2E-9');
  });
});

describe('definition', () => {
  it('counts groups out and puts parameters in', () => {
    const family = resolveFamily(parseDefinition(document, 'acme.yaml'), 'P2');
    expect(family.groups.map(({ group }) => group)).toEqual(['', 'ch1', 'ch2']);
    expect(family.groups[2]?.controls[0]).toMatchObject({ id: 'ch2.voltage.set', max: 6, write: ['V2 {value}'] });
    expect(resolveFamily(parseDefinition(document, 'acme.yaml'), 'P9').groups).toHaveLength(2);
    expect(lintDefinition(parseDefinition(document, 'acme.yaml'))).toEqual([]);
  });

  it('finds the choice that keeps settings apart in the group first, and what is put for each of its choices', () => {
    const source = {
      label: 'Sources',
      kind: 'choice',
      choices: { voltage: 'VOLT', current: 'CURR' },
      read: 'F?',
      write: 'F {value}',
      help: 'Source.',
    };
    const kept = {
      ...control,
      by: 'source',
      as: { voltage: 'V{n}', current: 'LIM{n}' },
      read: '{by}?',
      write: '{by} {value}',
    };
    const family = changed(['groups', 'ch{n}', 'controls'], { 'voltage.set': kept, output, source });
    expect(lintDefinition(family)).toEqual([]);
    expect(resolveFamily(family, 'P2').groups[2]?.controls[0]).toMatchObject({
      by: 'ch2.source',
      as: { voltage: 'V2', current: 'LIM2' },
    });
    const wrong = { ...kept, as: { voltage: 'V{n}', power: 'P{n}' } };
    const faults = lintDefinition(changed(['groups', 'ch{n}', 'controls'], { 'voltage.set': wrong, output, source }));
    expect(faults.join('\n')).toContain("as 'power', which 'ch1.source' cannot be");
  });

  it('leaves out a control whose list is empty or missing', () => {
    const range = { label: 'Range', kind: 'choice', choices: 'ranges', read: 'R?', write: 'R {value}', help: 'Range.' };
    const family = changed(['groups', 'ch{n}', 'controls'], { 'voltage.set': control, output, range });
    const idsWith = (more: object): string[] => {
      const models = [{ model: '.*', outputs: 1, volts: 30, ...more }];
      return resolveFamily({ ...family, models }, 'P').groups[1]?.controls.map(({ id }) => id) ?? [];
    };
    expect(idsWith({ ranges: [1, 2] })).toContain('ch1.range');
    expect(idsWith({ ranges: [] })).not.toContain('ch1.range');
    expect(idsWith({})).not.toContain('ch1.range');
  });

  it('says where a file is wrong', () => {
    expect(() => changed(['groups', 'ch{n}', 'controls', 'output', 'kimd'], 1)).toThrowError(
      /groups\.ch\{n\}\.controls\.output.*kimd/,
    );
    expect(() => changed(['match'], [{ model: '(' }])).toThrowError(/match\.0\.model/);
    expect(() => changed(['sources'], [])).toThrowError(/sources/);
    expect(() => parseDefinition(null, 'empty.yaml')).toThrowError(
      expect.objectContaining({ code: 'driver.malformed' }),
    );
  });

  it.each([
    [['opened'], ['*RST'], "'*RST' may change"],
    [['opened'], ['OUTP ON'], "'OUTP ON' may change"],
    [['simulation', 'identity'], 'ACME,X,1,1', "does not fit 'match'"],
    [['groups', 'ch{n}', 'controls', 'output', 'isOutput'], false, 'Outputs off depends on it'],
    [['groups', 'ch{n}', 'controls', 'voltage.set', 'unit'], 'Volt', "unit 'Volt' is not known"],
    [['groups', 'ch{n}', 'controls', 'voltage.set', 'max'], undefined, 'needs min and max'],
    [['groups', 'ch{n}', 'controls', 'voltage.set', 'read'], 'V{n}', 'is no question'],
    [['groups', 'ch{n}', 'controls', 'voltage.set', 'write'], 'V{n} 1', 'holds {value}'],
    [['groups', 'ch{n}', 'controls', 'voltage.set', 'write'], 'V{m} {value}', '{m}'],
    [['groups', 'ch{n}', 'controls', 'voltage.set', 'touches'], ['current'], "touches 'ch1.current'"],
    [['groups', 'ch{n}', 'controls', 'voltage.set', 'write'], 'V{by} {value}', "{by} needs 'by'"],
    [['groups', 'ch{n}', 'controls', 'voltage.set', 'by'], 'source', '{by} is not in all'],
    [['groups', 'ch{n}', 'controls', 'voltage.set', 'by'], 'source', 'is no choice of the instrument'],
    [['groups', 'ch{n}', 'controls', 'voltage.set', 'max'], 'vots', "no number named 'vots'"],
    [
      ['groups', 'ch{n}', 'channels'],
      { voltage: { ask: 'R?', unit: 'V', named: { ask: 'ELEM', is: 'VOLT' } } },
      "'ELEM' is asked, but is no question",
    ],
    [
      ['groups', 'ch{n}', 'channels'],
      { voltage: { ask: 'R?', unit: 'V', field: 1, named: { ask: 'ELEM?', is: 'VOLT' } } },
      "named fields, so it has no 'field'",
    ],
    [['groups', 'ch{n}', 'channels'], { voltage: { ask: '{found}:R?', unit: 'V' } }, "{found} needs 'found'"],
    [
      ['groups', 'ch{n}', 'channels'],
      { voltage: { ask: 'R?', unit: 'V', found: { list: 'L?', is: { '{found}:T?': 'MEAN' }, typical: 'M' } } },
      '{found} is not in all',
    ],
    [['requires'], [{ ask: '*LANG', is: ['SCPI'], help: 'Choose SCPI.' }], "requires: '*LANG' is no question"],
    [['models'], [{ model: '.*', outputs: 1, volts: 1, vlots: 2 }], "nothing uses 'vlots'"],
  ] as const)('%j = %j is a fault', (path, value, fault) => {
    expect(lintDefinition(changed(path, value)).join('\n')).toContain(fault);
  });
});
