import { networkInterfaces } from 'node:os';
import { expect, it } from 'vitest';

it('is a network of our own: loopback and bench0', () => {
  const names = Object.keys(networkInterfaces()).filter((name) => !name.startsWith('bench1'));
  expect(names.sort()).toEqual(['bench0', 'lo']);
  expect(networkInterfaces().bench0?.some(({ address }) => address === '10.99.0.1')).toBe(true);
});
