import { expect, it } from 'vitest';
import type { TimedReply, Wire } from '../session/session.ts';
import { errorReader } from './error-form.ts';

function wireSaying(answers: Record<string, string>): Wire {
  return {
    write: async () => undefined,
    query: async (text: string) => ({ text: answers[text] ?? '' }) as TimedReply,
  } as unknown as Wire;
}

const events = {
  '*ESR?': '16',
  'ALLEv?': '2202,"Measurement error, No period found",540,"Warning",410,"Query INTERRUPTED"',
};

it('what could not be measured is no complaint, and hides none', async () => {
  const read = errorReader({ ask: 'ALLEv?', form: 'events', ignore: String.raw`^(22[0-3]\d|54\d)$` });
  expect(await read(wireSaying(events))).toEqual([{ code: 410, message: 'Query INTERRUPTED', context: '' }]);
});

it('without such codes everything is one', async () => {
  const read = errorReader({ ask: 'ALLEv?', form: 'events' });
  expect((await read(wireSaying(events))).map(({ code }) => code)).toEqual([2202, 540, 410]);
});
