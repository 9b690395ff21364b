import { afterAll, beforeAll, expect, test } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import { PASSWORD } from './access-bench.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { type Answer, ask } from './lablink-probe.ts';
import { openPage } from './screen-page.ts';

const DAY_MS = 86_400_000;

let hub: HubLab;
beforeAll(async () => {
  hub = await openHubLab({ attach: [] });
});
afterAll(() => hub[Symbol.asyncDispose]());

const key = async (role: 'admin' | 'viewer') =>
  await hub.access.keys.add('admin', { role, label: role, ttlMs: DAY_MS });
const post = (path: string, body: unknown, token: string): Promise<Answer> =>
  ask(hub, 'POST', `/api/security/${path}`, { token, body });

test.each(['viewer', 'admin'] as const)('a key with the role %s makes nothing that outlives it', async (role) => {
  const { secret } = await key(role);
  const users = hub.access.users.list();
  const keys = hub.access.keys.list().length;
  expect(await post('api-keys', { name: 'for ever' }, secret)).toMatchObject({
    status: 403,
    json: { detail: expect.stringContaining('password') },
  });
  for (const [path, body] of [
    ['users', { username: 'mole', password: 'a mole in the lab', roles: ['admin'] }],
    ['users/reset-password', { user_id: 'viewer', new_password: 'a mole in the lab' }],
    ['users/change-password', { old_password: PASSWORD, new_password: 'a mole in the lab' }],
    ['mfa/setup', {}],
    ['mfa/verify', { token: '123456' }],
    ['mfa/disable', { password: PASSWORD }],
  ] as const)
    expect([path, (await post(path, body, secret)).status]).toEqual([path, 403]);
  const raised = await ask(hub, 'PATCH', '/api/security/users/viewer', { token: secret, body: { roles: ['admin'] } });
  expect(raised.status).toBe(403);
  expect(hub.access.users.list()).toEqual(users);
  expect(hub.access.keys.list()).toHaveLength(keys);
});

test('a key without the right to manage takes back itself and no other key of its user', async () => {
  const [one, other] = [await key('viewer'), await key('viewer')];
  const remove = async (id: string): Promise<number> =>
    (await ask(hub, 'DELETE', `/api/security/api-keys/${id}`, { token: one.secret })).status;
  expect(await remove(other.key.id)).toBe(403);
  expect(await remove(one.key.id)).toBe(200);
  expect(hub.access.keys.findId(other.key.id)).toBeDefined();
});

test('nor does a page that came in with a key of an admin', async () => {
  const page = await openPage(hub, (await key('admin')).secret);
  for (const attempt of [
    page.client.call('share.addToken', { user: 'admin', label: '' }),
    page.client.call('share.addUser', { user: 'mole', role: 'admin', password: PASSWORD }),
    page.client.call('share.setPassword', { user: 'admin', password: PASSWORD }),
    page.client.call('share.setRole', { user: 'viewer', role: 'admin' }),
  ])
    expect(await attempt.catch(LabError.from)).toMatchObject({
      code: 'call.denied',
      message: expect.stringContaining('API key'),
    });
  page[Symbol.dispose]();
});

test('a user who logged in makes keys as before', async () => {
  const made = await post('api-keys', { name: 'script', expires_in_days: 30 }, await hub.token('viewer'));
  expect(made).toMatchObject({ status: 200, json: { key: expect.stringMatching(/^lw_/) } });
});
