import { expect, it } from 'vitest';
import type { Transport } from '../transport.ts';
import { AdapterLine } from './adapter-line.ts';

it('bytes that wait are ours: whoever lent them may write them again', async () => {
  const lent = Buffer.from('4.9876');
  let reads = 0;
  const lender: Transport = {
    resource: 'LENDER',
    closed: new Promise(() => {}),
    write: async () => {},
    read: () => (reads++ === 0 ? Promise.resolve({ bytes: lent, end: false }) : new Promise(() => {})),
    [Symbol.asyncDispose]: async () => {},
  };
  await using line = new AdapterLine(lender, (error) => error);
  await expect.poll(() => line.hasUnread).toBe(true);
  lent.fill(0);
  expect(await line.next({ timeoutMs: 1000 })).toEqual(new TextEncoder().encode('4.9876'));
});
