import { z } from 'zod';
import { LabError } from '../../../core/errors.ts';
import { needLogin } from '../../access/key-fence.ts';
import { ANONYMOUS, type Principal } from '../../access/principal.ts';
import { hasRight, type NamedRole, parseRole } from '../../access/role.ts';
import type { HubConnection } from '../../connection-book.ts';
import type { HubParts } from '../../hub-parts.ts';
import { isoTime, isoTimeOfMs } from '../../server-time.ts';
import { keyOf, keyShape, roleShape, roles, userOf, userShape } from '../user-shape.ts';
import { type AddRoutes, done, pathText } from './route.ts';

const MANAGE = { right: 'manage' as const };
const DAY_MS = 86_400_000;
const tags = ['security'];
const userPath = z.object({ user_id: pathText });
const sessionInfo = z.object({
  session_id: z.string(),
  user_id: z.string(),
  username: z.string(),
  ip_address: z.string(),
  auth_method: z.enum(['password', 'api_key', 'none']),
  created_at: z.string(),
  expires_at: z.string().nullable(),
  last_activity: z.string(),
});

/** Users, roles, API keys, and who is connected. */
export const addUserRoutes: AddRoutes = (app, { parts }) => {
  const { users, keys } = parts.access;
  const nameOf = (id: string): string => users.list().find((user) => user.id === id || user.name === id)?.name ?? id;
  app.get('/api/security/users', { config: MANAGE, schema: { tags, response: { 200: z.array(userShape) } } }, () =>
    users.list().map(userOf),
  );
  app.post(
    '/api/security/users',
    {
      config: MANAGE,
      schema: {
        tags,
        body: z.object({
          username: z.string().min(1).max(64),
          password: z.string().min(1).max(1000),
          email: z.string().max(300).optional(),
          full_name: z.string().max(300).nullish(),
          roles: z.array(z.string().max(50)).max(5).default(['viewer']),
        }),
        response: { 200: userShape },
      },
    },
    async ({ body, principal }) => {
      needLogin(principal);
      return userOf(await users.add(body.username, roleIn(body.roles), body.password));
    },
  );
  app.get(
    '/api/security/users/:user_id',
    { config: MANAGE, schema: { tags, params: userPath, response: { 200: userShape } } },
    ({ params }) => userOf(users.get(nameOf(params.user_id))),
  );
  app.patch(
    '/api/security/users/:user_id',
    {
      config: MANAGE,
      schema: {
        tags,
        params: userPath,
        body: z.strictObject({ roles: z.array(z.string().max(50)).min(1).max(5) }),
        response: { 200: userShape },
      },
    },
    async ({ params, body, principal }) => {
      needLogin(principal);
      return userOf(await users.setRole(nameOf(params.user_id), roleIn(body.roles)));
    },
  );
  app.delete(
    '/api/security/users/:user_id',
    { config: MANAGE, schema: { tags, params: userPath, response: { 200: done } } },
    async ({ params }) => {
      const { name } = await users.remove(nameOf(params.user_id));
      return { success: true, message: `User ${name} removed` };
    },
  );
  app.post(
    '/api/security/users/reset-password',
    {
      config: MANAGE,
      schema: {
        tags,
        body: z.object({ user_id: pathText, new_password: z.string().min(1).max(1000) }),
        response: { 200: done },
      },
    },
    async ({ body, principal }) => {
      needLogin(principal);
      const { name } = await users.setPassword(nameOf(body.user_id), body.new_password);
      return { success: true, message: `The password of ${name} was set. Every login of that user has ended.` };
    },
  );
  app.get('/api/security/roles', { schema: { tags, response: { 200: z.array(roleShape) } } }, roles);
  app.get(
    '/api/security/roles/:role_id',
    { schema: { tags, params: z.object({ role_id: pathText }), response: { 200: roleShape } } },
    ({ params }) => {
      const role = roles().find(({ role_id }) => role_id === params.role_id);
      if (role) return role;
      throw new LabError('hub.unknown', `Role ${params.role_id.slice(0, 100)} not found`);
    },
  );
  app.get('/api/security/api-keys', { schema: { tags, response: { 200: z.array(keyShape) } } }, ({ principal }) =>
    keys
      .list()
      .filter(({ user }) => user === principal.name || hasRight(principal.role, 'manage'))
      .map((key) => keyOf(key, null, nowMs(parts))),
  );
  app.post(
    '/api/security/api-keys',
    {
      schema: {
        tags,
        body: z.object({
          name: z.string().min(1).max(200),
          expires_in_days: z.number().positive().max(3650).nullish(),
        }),
        response: { 200: keyShape },
      },
    },
    async ({ principal, body }) => {
      needUser(principal);
      needLogin(principal);
      const ttlMs = body.expires_in_days ? body.expires_in_days * DAY_MS : null;
      const { key, secret } = await keys.add(principal.name, { label: body.name, ttlMs });
      return keyOf(key, secret, nowMs(parts));
    },
  );
  app.delete(
    '/api/security/api-keys/:key_id',
    { schema: { tags, params: z.object({ key_id: pathText }), response: { 200: done } } },
    async ({ principal, params }) => {
      const { keyId = params.key_id } = principal;
      // A key of a user that may not manage takes nothing back but itself.
      const own = keyId === params.key_id && keys.list().find(({ id }) => id === keyId)?.user === principal.name;
      if (!own && !hasRight(principal.role, 'manage'))
        throw new LabError(
          'hub.forbidden',
          'That key is of another user, or not the one you came with. Nothing was changed.',
        );
      await keys.remove(params.key_id);
      return { success: true, message: 'API key removed' };
    },
  );
  app.get('/api/security/sessions', { config: MANAGE, schema: { tags, response: { 200: z.array(sessionInfo) } } }, () =>
    parts.connections.all.map(sessionOf),
  );
  app.get('/api/security/sessions/me', { schema: { tags, response: { 200: z.array(sessionInfo) } } }, ({ principal }) =>
    parts.connections.all.filter((one) => one.principal.user === principal.user).map(sessionOf),
  );
  app.get(
    '/api/security/status',
    { schema: { tags, response: { 200: z.record(z.string(), z.union([z.boolean(), z.number(), z.null()])) } } },
    () => {
      const all = keys.list();
      const isGood = ({ expiresMs }: { expiresMs: number | undefined }) =>
        expiresMs === undefined || expiresMs > nowMs(parts);
      return {
        enabled: true,
        authentication_required: !parts.isOpen,
        ip_whitelisting_enabled: false,
        oauth2_enabled: false,
        total_users: users.list().length,
        active_users: users.list().length,
        total_roles: roles().length,
        total_api_keys: all.length,
        active_api_keys: all.filter(isGood).length,
        whitelist_entries: 0,
        blacklist_entries: 0,
        failed_login_attempts_24h: null,
        active_sessions: parts.connections.size,
      };
    },
  );
  app.get(
    '/api/security/oauth2/providers',
    { config: { right: 'open' }, schema: { tags, response: { 200: z.object({ providers: z.array(z.string()) }) } } },
    () => ({ providers: [] }),
  );
};

function nowMs({ clock }: HubParts): number {
  return Number(clock.nowNs() / 1_000_000n);
}

function needUser(principal: Principal): void {
  if (principal.user !== ANONYMOUS.user) return;
  throw new LabError('hub.unauthenticated', 'A login is needed for that. Nothing was done.');
}

/** A user has one role here: the first that is one. */
function roleIn(names: readonly string[]): NamedRole {
  const role = names.map(parseRole).find((one) => one !== undefined);
  if (role) return role;
  throw new LabError('call.invalid', 'The roles are admin, developer, viewer and bot. Nothing was changed.');
}

/** A connection, as LabLink's list of logins shows it. */
function sessionOf({ id, principal, address, openedNs }: HubConnection): z.infer<typeof sessionInfo> {
  return {
    session_id: id,
    user_id: principal.user,
    username: principal.name,
    ip_address: address,
    auth_method: principal.keyId !== undefined ? 'api_key' : principal.loginId !== undefined ? 'password' : 'none',
    created_at: isoTime(openedNs),
    expires_at: isoTimeOfMs(principal.expiresMs),
    last_activity: isoTime(openedNs),
  };
}
