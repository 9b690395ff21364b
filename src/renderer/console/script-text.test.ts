import { expect, test } from 'vitest';
import { scriptOf } from './script-text.ts';

const STEPS = [
  { text: '*IDN?', pauseMs: 0 },
  { text: "DISP:TEXT 'it\\'", pauseMs: 1460 },
  { text: ':MEAS:VOLT?', pauseMs: 20 },
];

test('Python speaks PyVISA, waits where the person waited, and quotes what it must', () => {
  expect(scriptOf('python', 'TCPIP0::10.0.0.2::inst0::INSTR', STEPS)).toBe(
    [
      'import time',
      '',
      'import pyvisa',
      '',
      "with pyvisa.ResourceManager().open_resource('TCPIP0::10.0.0.2::inst0::INSTR') as instrument:",
      "    instrument.read_termination = instrument.write_termination = '\\n'",
      "    print(instrument.query('*IDN?'))",
      '    time.sleep(1.5)',
      "    instrument.write('DISP:TEXT \\'it\\\\\\'')",
      "    print(instrument.query(':MEAS:VOLT?'))",
      '',
    ].join('\n'),
  );
});

test('TypeScript goes through the command line, so that the limits of the bench hold', () => {
  const text = scriptOf('typescript', 'COM3', STEPS.slice(0, 1));
  expect(text).toContain("['query', RESOURCE, text]");
  expect(text).toContain("console.log(ask('*IDN?'));");
  expect(text).not.toContain('sleep');
  expect(scriptOf('typescript', 'COM3', STEPS)).toContain('await sleep(1500);');
});

test('what is typed cannot break out of its quotes', () => {
  for (const language of ['python', 'typescript'] as const) {
    const text = scriptOf(language, "a'b\n", [{ text: "x'); evil('é", pauseMs: 0 }]);
    expect(text).toContain("'a\\'b\\u000a'");
    expect(text).toContain("'x\\'); evil(\\'\\u00e9'");
  }
});
