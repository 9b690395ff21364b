import { expect, test } from 'vitest';
import { attachOptionsOf, EMPTY_DRAFT } from './options-draft.ts';

test.each([
  [{}, {}],
  [{ as: 'teleplot' }, { as: 'teleplot' }],
  [
    { baudRate: '115200', frame: '7E2', flow: 'rtscts', readTermination: 'cr' },
    { line: { baudRate: 115200, dataBits: 7, parity: 'even', stopBits: 2, flow: 'rtscts' }, readTermination: 'cr' },
  ],
])('%j is %j', (draft, options) => {
  expect(attachOptionsOf({ ...EMPTY_DRAFT, ...draft })).toEqual({ ok: true, options });
});

test.each(['0', 'fast', '9600.5', '1e9'])('baud rate %j is refused with what is right', (baudRate) => {
  expect(attachOptionsOf({ ...EMPTY_DRAFT, baudRate })).toEqual({
    ok: false,
    reason: 'A baud rate is a whole number from 50 to 10,000,000.',
  });
});
