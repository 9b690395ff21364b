import { expect, it } from 'vitest';
import { createDeferred, type Deferred } from '../../../core/deferred.ts';
import { VisaAttributes } from './visa-attributes.ts';

const TIMEOUT = 0x3fff001a;
const SEND_END = 0x3fff0016;

/** Calls of the library that end when told to. */
function createCalls(): { begun: [number, number][]; ends: Deferred<void>[]; attributes: VisaAttributes } {
  const begun: [number, number][] = [];
  const ends: Deferred<void>[] = [];
  const attributes = new VisaAttributes((attribute, state) => {
    begun.push([attribute, state]);
    const end = createDeferred<void>();
    ends.push(end);
    return end.promise;
  });
  return { begun, ends, attributes };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('sets only what changes, one after the other for an attribute; others do not wait', async () => {
  const { begun, ends, attributes } = createCalls();
  const first = attributes.set(TIMEOUT, 500);
  const same = attributes.set(TIMEOUT, 500);
  const second = attributes.set(TIMEOUT, 10_000);
  const other = attributes.set(SEND_END, 1);
  await turn();
  expect(begun).toEqual([
    [TIMEOUT, 500],
    [SEND_END, 1],
  ]);
  ends[0]?.resolve();
  await Promise.all([first, same]);
  await turn();
  expect(begun.slice(2)).toEqual([[TIMEOUT, 10_000]]);
  for (const end of ends) end.resolve();
  await Promise.all([second, other]);
  await attributes.set(TIMEOUT, 10_000);
  expect(begun).toHaveLength(3);
});

it('what was foreseen is waited for, not set twice; closing waits for it', async () => {
  const { begun, ends, attributes } = createCalls();
  attributes.foresee(TIMEOUT, undefined);
  attributes.foresee(TIMEOUT, 500);
  const order: string[] = [];
  const wanted = attributes.set(TIMEOUT, 500).then(() => order.push('wanted'));
  const settled = attributes.settled().then(() => order.push('settled'));
  await turn();
  expect(order).toEqual([]);
  ends[0]?.resolve();
  await Promise.all([wanted, settled]);
  expect(begun).toEqual([[TIMEOUT, 500]]);
});

it('what failed is set again', async () => {
  const { begun, ends, attributes } = createCalls();
  attributes.foresee(TIMEOUT, 500);
  ends[0]?.reject(new Error('too many calls'));
  await attributes.settled();
  await turn();
  const again = attributes.set(TIMEOUT, 500);
  ends[1]?.resolve();
  await again;
  expect(begun).toHaveLength(2);
});
