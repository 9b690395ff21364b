import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { LabError } from '../../../core/errors.ts';
import type { Login } from '../../access/access.ts';
import { bearerOf } from '../../server/bearer.ts';
import { userOf, userShape } from '../user-shape.ts';
import { type AddRoutes, done } from './route.ts';

const tokens = z.object({
  access_token: z.string(),
  token_type: z.literal('bearer'),
  expires_in: z.number(),
  refresh_token: z.string(),
  user: userShape,
});
const loginBody = z.object({
  username: z.string().min(1).max(200),
  password: z.string().min(1).max(1000),
  mfa_token: z.string().max(50).nullish(),
});
const mfaSetup = z.object({
  secret: z.string(),
  /** No picture is made here: apps take `provisioning_uri`. */
  qr_code: z.string(),
  backup_codes: z.array(z.string()),
  provisioning_uri: z.string(),
});
const OPEN = { right: 'open' as const };
const tags = ['security'];

/** Logging in and out, and what users do with their own login. */
export const addLoginRoutes: AddRoutes = (app, { parts: { access } }) => {
  app.post(
    '/api/security/login',
    { config: OPEN, schema: { tags, body: loginBody, response: { 200: tokens } } },
    async (request, reply) => {
      const { username, password, mfa_token } = request.body;
      const credentials = { username, password, ...(mfa_token ? { mfaToken: mfa_token } : {}) };
      try {
        return tokensOf(await access.login(credentials, { address: request.from }));
      } catch (thrown) {
        if (LabError.from(thrown).code === 'hub.mfa-required') reply.header('X-MFA-Required', 'true');
        throw thrown;
      }
    },
  );
  app.post(
    '/api/security/refresh',
    {
      config: OPEN,
      schema: { tags, body: z.object({ refresh_token: z.string().max(8000) }), response: { 200: tokens } },
    },
    async (request) => tokensOf(await access.refresh(request.body.refresh_token)),
  );
  app.post(
    '/api/security/logout',
    { schema: { tags, response: { 200: z.object({ message: z.string(), sessions_destroyed: z.int() }) } } },
    async (request) => {
      const token = tokenOf(request);
      await access.me(request.principal);
      const sessions_destroyed = token === undefined ? 0 : await access.logout(token);
      return { message: 'Logged out successfully', sessions_destroyed };
    },
  );
  app.get('/api/security/me', { schema: { tags, response: { 200: userShape } } }, async (request) =>
    userOf(await access.me(request.principal)),
  );
  app.post(
    '/api/security/users/change-password',
    {
      schema: {
        tags,
        body: z.object({ old_password: z.string().max(1000), new_password: z.string().max(1000) }),
        response: { 200: done },
      },
    },
    async (request) => {
      const { old_password, new_password } = request.body;
      await access.changePassword(request.principal, old_password, new_password, { address: request.from });
      return { success: true, message: 'Password changed. Every login of this user has ended.' };
    },
  );
  app.post('/api/security/mfa/setup', { schema: { tags, response: { 200: mfaSetup } } }, async (request) => {
    const { secret, provisioningUri, backupCodes } = await access.setupMfa(request.principal);
    return { secret, qr_code: '', backup_codes: [...backupCodes], provisioning_uri: provisioningUri };
  });
  app.post(
    '/api/security/mfa/verify',
    { schema: { tags, body: z.object({ token: z.string().min(1).max(50) }), response: { 200: done } } },
    async (request) => {
      await access.confirmMfa(request.principal, request.body.token);
      return { success: true, message: 'One-time codes are in force' };
    },
  );
  app.post(
    '/api/security/mfa/disable',
    { schema: { tags, body: z.object({ password: z.string().max(1000) }), response: { 200: done } } },
    async (request) => {
      await access.disableMfa(request.principal, request.body.password, { address: request.from });
      return { success: true, message: 'One-time codes are not asked for any more' };
    },
  );
  app.get(
    '/api/security/mfa/status',
    {
      schema: {
        tags,
        response: { 200: z.object({ mfa_enabled: z.boolean(), backup_codes_remaining: z.int().nullable() }) },
      },
    },
    async (request) => {
      const { hasMfa } = await access.me(request.principal);
      return { mfa_enabled: hasMfa, backup_codes_remaining: null };
    },
  );
};

function tokensOf({ access, accessExpiresInS, refresh, user }: Login): z.infer<typeof tokens> {
  return {
    access_token: access,
    token_type: 'bearer',
    expires_in: accessExpiresInS,
    refresh_token: refresh,
    user: userOf(user),
  };
}

function tokenOf(request: FastifyRequest): string | undefined {
  return bearerOf(request.raw, new URL(request.url, 'http://hub'));
}
