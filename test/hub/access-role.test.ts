import { describe, expect, test } from 'vitest';
import {
  admitChannels,
  channelRights,
  HUB_CHANNELS,
  HUB_ROLES,
  type HubRole,
  hasRight,
  type LAB_CHANNELS,
  lesserRole,
  mayBroadcast,
  maySubscribe,
  NAMED_ROLES,
  parseRole,
} from '../../src/hub/access/role.ts';
import { NEUROGRAPH_CHANNELS } from '../../src/protocol/lab/neurograph-role.ts';
import { rights as contractRights } from './access-bench.ts';

/** Written out by hand, so that it does not follow the code: who may subscribe to what. */
const TABLE: Record<(typeof NEUROGRAPH_CHANNELS)[number], string> = {
  //            admin developer viewer bot anonymous
  metrics: 'x x x x x',
  signals: 'x x - x -',
  actions: 'x x - - -',
  logs: 'x x - - -',
  status: 'x x x x x',
  connections: 'x - - - -',
};

const LAB: Record<(typeof LAB_CHANNELS)[number], string> = {
  alarms: 'x x x x -',
  readings: 'x x x x -',
  acquisition: 'x x - x -',
  control: 'x x - - -',
  recordings: 'x x - - -',
};

function cells(table: Record<string, string>): [role: HubRole, channel: string, allowed: boolean][] {
  return Object.entries(table).flatMap(([channel, row]) =>
    row.split(' ').map((mark, at): [HubRole, string, boolean] => [HUB_ROLES[at]!, channel, mark === 'x']),
  );
}

describe('221–250: SUBSCRIBE', () => {
  test('the table has 30 cells', () => expect(cells(TABLE)).toHaveLength(30));
  test.each(cells(TABLE))('%s %s: %s', (role, channel, allowed) => expect(maySubscribe(role, channel)).toBe(allowed));
  test.each(cells(LAB))('lab: %s %s: %s', (role, channel, allowed) =>
    expect(maySubscribe(role, channel)).toBe(allowed),
  );
});

describe('221–250: BROADCAST', () => {
  test.each(cells(TABLE))('%s to %s', (role, channel) => expect(mayBroadcast(role, channel)).toBe(role === 'admin'));
  test.each(cells(LAB))('lab: %s to %s', (role, channel) => expect(mayBroadcast(role, channel)).toBe(role === 'admin'));
});

test('anonymous reads values where the hub lets it, and nothing else more', () => {
  const more = HUB_CHANNELS.filter(
    (name) => maySubscribe('anonymous', name, { anonymousReadings: true }) !== maySubscribe('anonymous', name),
  );
  expect(more).toEqual(['readings']);
});

test('251: the channels of a viewer are metrics and status', () => {
  const open = channelRights('viewer').filter(({ canSubscribe }) => canSubscribe);
  expect(open.map(({ name }) => name)).toEqual(['metrics', 'status', 'alarms', 'readings']);
  expect(NEUROGRAPH_CHANNELS.filter((name) => maySubscribe('viewer', name))).toEqual(['metrics', 'status']);
});

test('252: of a subscription what is denied is named, the rest is had', () => {
  expect(admitChannels('bot', ['signals', 'logs', 'nothing', 'status', 'logs', '__proto__'])).toEqual({
    allowed: ['signals', 'status'],
    denied: ['logs', 'nothing', '__proto__'],
  });
});

test('channels nobody knows are denied to everybody', () => {
  for (const role of HUB_ROLES) {
    for (const name of ['', 'METRICS', 'metrics ', 'constructor', 'toString']) {
      expect([role, name, maySubscribe(role, name), mayBroadcast(role, name)]).toEqual([role, name, false, false]);
    }
  }
});

test('rights of the contract by role', () => {
  const table = HUB_ROLES.map((role) => [role, ...contractRights.filter((right) => hasRight(role, right))]);
  expect(table).toEqual([
    ['admin', 'view', 'control', 'manage'],
    ['developer', 'view', 'control'],
    ['viewer', 'view'],
    ['bot', 'view'],
    ['anonymous', 'view'],
  ]);
});

test('the lesser of two roles may nothing the other may not', () => {
  for (const one of NAMED_ROLES) {
    for (const other of NAMED_ROLES) {
      const lesser = lesserRole(one, other);
      expect(lesserRole(other, one)).toBe(lesser);
      expect([one, other]).toContain(lesser);
      for (const name of HUB_CHANNELS) {
        if (maySubscribe(lesser, name)) expect(maySubscribe(one, name) && maySubscribe(other, name)).toBe(true);
      }
    }
  }
});

test('only the four named roles are a role by name', () => {
  expect(NAMED_ROLES.map(parseRole)).toEqual([...NAMED_ROLES]);
  for (const text of ['anonymous', 'Admin', '', 'tokens:read', 'constructor']) expect(parseRole(text)).toBeUndefined();
});
