import { describe, expect, it } from 'vitest';
import { matchesExpression } from './resource-expression.ts';
import { seededRandom } from './seeded-random.ts';

describe('search expression', () => {
  it.each([
    ['?*INSTR', 'TCPIP0::1.2.3.4::inst0::INSTR', true],
    ['?*INSTR', 'TCPIP0::1.2.3.4::5025::SOCKET', false],
    ['?*', 'ASRL1::INSTR', true],
    ['?*', '', true],
    ['?+', '', false],
    ['GPIB[0-9]*::?*INSTR', 'GPIB0::9::INSTR', true],
    ['GPIB[0-9]*::?*INSTR', 'GPIB::9::INSTR', true],
    ['GPIB[0-9]::?*INSTR', 'GPIB12::9::INSTR', false],
    ['gpib?+instr', 'GPIB8::1::2::INSTR', true],
    ['ASRL[0-9]*::?*INSTR', 'ASRL/dev/ttyUSB0::INSTR', false],
    ['GPIB[^0]::?*', 'GPIB1::1::INSTR', true],
    ['GPIB[^0]::?*', 'GPIB0::1::INSTR', false],
    ['VXI?*INSTR|GPIB?*INSTR', 'GPIB0::1::INSTR', true],
    ['(VXI|GPIB)?*INSTR', 'VXI0::1::INSTR', true],
    ['(VXI|GPIB)?*INSTR', 'USB0::1::2::3::INSTR', false],
    ['(AB)+', 'ABAB', true],
    ['(AB)+', 'ABA', false],
    ['A\\?B', 'A?B', true],
    ['A\\?B', 'AXB', false],
    ['[A-CX]', 'b', true],
    ['[A-]', '-', true],
    ['', '', true],
    ['(a*)*b', 'aaab', true],
  ])('%s on %s: %s', (expression, resource, fits) => {
    expect(matchesExpression(expression)(resource)).toBe(fits);
  });

  it.each(['*', '(a', 'a)', '[a', 'a\\', 'x'.repeat(201), 'TCPIP?*{VI_ATTR_TMO_VALUE > 1}'])(
    'refuses %s',
    (expression) => {
      expect(() => matchesExpression(expression)).toThrow(/is no search expression/);
    },
  );

  it('takes time in proportion, whatever the expression', () => {
    const fits = matchesExpression('(?*)*(a*)*(?*a)*b'.repeat(8));
    expect(fits('a'.repeat(500))).toBe(false);
  });

  it('agrees with a regular expression of the same meaning', () => {
    const { next: random } = seededRandom(7);
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
    const make = (depth: number): [string, string] => {
      const parts = Array.from({ length: 1 + Math.floor(random() * 3) }, (): [string, string] => {
        const [ours, theirs] =
          random() < 0.25 && depth > 0
            ? group(depth - 1)
            : pick<[string, string]>([
                ['?', '.'],
                ['A', 'A'],
                ['B', 'B'],
                ['[AC]', '[AC]'],
                ['[^A]', '[^A]'],
              ]);
        const repeat = pick(['', '', '*', '+']);
        return [ours + repeat, theirs + repeat];
      });
      return [parts.map(([a]) => a).join(''), parts.map(([, b]) => b).join('')];
    };
    const group = (depth: number): [string, string] => {
      const [a, b] = make(depth);
      const [c, d] = make(depth);
      return [`(${a}|${c})`, `(?:${b}|${d})`];
    };
    for (let round = 0; round < 500; round++) {
      const [ours, theirs] = make(2);
      const text = Array.from({ length: Math.floor(random() * 6) }, () => pick(['A', 'B', 'C'])).join('');
      expect([ours, text, matchesExpression(ours)(text)]).toEqual([
        ours,
        text,
        new RegExp(`^(?:${theirs})$`).test(text),
      ]);
    }
  });
});
