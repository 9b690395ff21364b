import { expect, it } from 'vitest';
import type { ShareConnection } from '../../contract/share-schema.ts';
import { otherPeople } from './other-people.ts';

const connection = (user: string, dialect = 'screen'): ShareConnection => ({
  id: `${user} ${dialect}`,
  user,
  role: 'viewer',
  dialect,
  address: '',
  sinceNs: '0',
  rateHz: 0,
  queue: 0,
  dropped: 0,
  bytes: 0,
  state: 'normal',
});

it('names each other person once, in order, and no program and not oneself', () => {
  const all = [connection('zoe'), connection('anna'), connection('zoe'), connection('bot', 'labwire.1')];
  expect(otherPeople(all, 'anna')).toEqual([{ user: 'zoe', role: 'viewer' }]);
  expect(otherPeople(all, undefined).map(({ user }) => user)).toEqual(['anna', 'zoe']);
  expect(otherPeople([], 'anna')).toEqual([]);
});
