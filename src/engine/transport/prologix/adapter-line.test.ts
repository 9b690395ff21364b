import { expect, it } from 'vitest';
import type { ReadResult, Transport } from '../transport.ts';
import { AdapterLine } from './adapter-line.ts';

function lineOf(read: () => Promise<ReadResult>): AdapterLine {
  const lender: Transport = {
    resource: 'LENDER',
    closed: new Promise(() => {}),
    write: async () => {},
    read,
    [Symbol.asyncDispose]: async () => {},
  };
  return new AdapterLine(lender, (error) => error);
}

it('bytes that wait are ours: whoever lent them may write them again', async () => {
  const lent = Buffer.from('4.9876');
  let reads = 0;
  await using line = lineOf(() =>
    reads++ === 0 ? Promise.resolve({ bytes: lent, end: false }) : new Promise(() => {}),
  );
  await expect.poll(() => line.hasUnread).toBe(true);
  lent.fill(0);
  expect(await line.next({ timeoutMs: 1000 })).toEqual(new TextEncoder().encode('4.9876'));
});

it('a second wait takes over, and the first is told: neither is left without an end', async () => {
  const arrivals: ((result: ReadResult) => void)[] = [];
  await using line = lineOf(() => new Promise((resolve) => arrivals.push(resolve)));
  const first = expect(line.next({ timeoutMs: 60_000 })).rejects.toMatchObject({ code: 'call.invalid' });
  const second = line.next({ timeoutMs: 60_000 });
  await first;
  arrivals[0]?.({ bytes: Uint8Array.of(7), end: false });
  expect(await second).toEqual(Uint8Array.of(7));
});
