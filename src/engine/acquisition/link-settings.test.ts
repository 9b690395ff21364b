import { expect, it } from 'vitest';
import { linkSettings } from './link-settings.ts';

it('what a person set goes before what the family wants; what neither says is left to the way', () => {
  expect(linkSettings()).toEqual({ transport: { serial: {} }, limits: {} });
  const family = { line: { baudRate: 9600, stopBits: 2 as const }, writeTermination: 'none' as const, paceMs: 80 };
  expect(linkSettings({}, family)).toEqual({
    transport: { serial: { baudRate: 9600, stopBits: 2 } },
    writeTermination: '',
    limits: { paceMs: 80 },
  });
  expect(
    linkSettings(
      { line: { baudRate: 115_200, stopBits: undefined }, writeTermination: 'crlf', readTermination: 'cr', paceMs: 0 },
      family,
    ),
  ).toEqual({
    transport: { serial: { baudRate: 115_200, stopBits: 2 } },
    writeTermination: '\r\n',
    readTermination: 'cr',
    limits: { paceMs: 0 },
  });
});

it.each([
  [{ flow: 'none' }, {}],
  [{ flow: 'rtscts' }, { rtscts: true }],
  [{ flow: 'xonxoff' }, { xon: true, xoff: true }],
  [{ flow: 'dsrdtr' }, { lines: { dtr: true, rts: true } }],
  [{ flow: 'dsrdtr', dtr: false }, { lines: { dtr: false, rts: true } }],
  [{ rts: false }, { lines: { dtr: true, rts: false } }],
] as const)('line %j', (line, serial) => {
  expect(linkSettings({ line }).transport).toEqual({ serial });
});
