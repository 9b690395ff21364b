import { expect, test } from 'vitest';
import { unconfirmedText } from './outputs-off.tsx';

test('outputs of one instrument and reason are said once', () => {
  const failed = [
    { instrument: 's', group: 'ch1', reason: 'No answer.' },
    { instrument: 's', group: 'ch2', reason: 'No answer.' },
    { instrument: 'l', group: '' },
  ];
  expect(unconfirmedText(failed, (id) => (id === 's' ? 'DP832' : 'Load'))).toBe('DP832 CH1, CH2 (No answer); Load.');
});
