import { expect, it } from 'vitest';
import { answeredLine, linkSettings } from './link-settings.ts';

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

it('a family found by its answer keeps rate and frame of the line it answered on', () => {
  const line = { baudRate: 9600, stopBits: 2, flow: 'dsrdtr', clear: 'ctrl-c' } as const;
  expect(
    linkSettings({ line: { baudRate: 19_200 } }, answeredLine({ line, paceMs: 20, writeTermination: 'cr' })),
  ).toEqual({
    transport: { serial: { baudRate: 19_200, dsrdtr: true, clear: 'ctrl-c' } },
    writeTermination: '\r',
    limits: { paceMs: 20 },
  });
  expect(linkSettings({}, answeredLine({}))).toEqual(linkSettings());
});

it.each([
  [{ flow: 'none' }, {}],
  [{ flow: 'rtscts' }, { rtscts: true }],
  [{ flow: 'xonxoff' }, { xon: true, xoff: true }],
  [{ flow: 'dsrdtr' }, { dsrdtr: true }],
  [
    { flow: 'dsrdtr', rts: false },
    { dsrdtr: true, lines: { dtr: true, rts: false } },
  ],
  [
    { bytePaceMs: 5, clear: 'ctrl-c' },
    { bytePaceMs: 5, clear: 'ctrl-c' },
  ],
  [{ rts: false }, { lines: { dtr: true, rts: false } }],
] as const)('line %j', (line, serial) => {
  expect(linkSettings({ line }).transport).toEqual({ serial });
});
