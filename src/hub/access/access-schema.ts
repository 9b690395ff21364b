import { z } from 'zod';
import { fromBase32 } from './one-time-code.ts';
import { isPasswordHash } from './password-hash.ts';
import { NAMED_ROLES } from './role.ts';

/** Files of the hub's folder. All are mode 0600; none holds a password, a token or a key in clear, only what proves them. */

const unixMs = z.number().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const userId = z.string().regex(/^[0-9a-f-]{36}$/);

/** The name of a user: letters, digits, dot, dash, underscore, at sign. */
export const userName = z.string().regex(/^[A-Za-z0-9._@-]{1,64}$/);

const mfa = z.object({
  /** Base32. The only secret that must be kept as it is: codes are computed from it. */
  secret: z.string().refine((text) => (fromBase32(text)?.length ?? 0) >= 16),
  /** The step whose code was used last: that code and those before it are refused. */
  lastStep: z.int(),
  /** SHA-256 of the codes for a lost telephone, each good once. */
  backup: z.array(sha256).max(20),
});

const userRecord = z.object({
  id: userId,
  name: userName,
  role: z.enum(NAMED_ROLES),
  /** PHC string. */
  password: z.string().refine(isPasswordHash),
  /** Goes up with each change of role or password: access tokens of before are refused. */
  tokenVersion: z.int().nonnegative(),
  /** Goes up with each change of the password: logins of before are over. */
  loginVersion: z.int().nonnegative(),
  mfa: mfa.nullable(),
  createdMs: unixMs,
  changedMs: unixMs,
  lastLoginMs: unixMs.nullable(),
  /** Networks the user logged in from, newest first: those stay open to the user while others guess the password. */
  places: z.array(z.object({ place: z.string().max(64), seenMs: unixMs })).max(16),
});
export type UserRecord = z.infer<typeof userRecord>;

export const userFile = z.object({ version: z.literal(1), users: z.array(userRecord).max(1000) });
export type UserFile = z.infer<typeof userFile>;

const keyRecord = z.object({
  id: z.string().regex(/^[0-9a-f]{12}$/),
  /** Id of the user it acts for. */
  user: userId,
  /** Null: the role of the user, whatever it is. Never more than that. */
  role: z.enum(NAMED_ROLES).nullable(),
  label: z.string().max(200),
  /** SHA-256 of the key: with 256 random bits in it there is nothing to guess. */
  hash: sha256,
  createdMs: unixMs,
  expiresMs: unixMs.nullable(),
  usedMs: unixMs.nullable(),
});
export type KeyRecord = z.infer<typeof keyRecord>;

export const keyFile = z.object({ version: z.literal(1), keys: z.array(keyRecord).max(1000) });
export type KeyFile = z.infer<typeof keyFile>;

const loginRecord = z.object({
  id: z.string().regex(/^[\w-]{16,64}$/),
  user: userId,
  loginVersion: z.int().nonnegative(),
  /** SHA-256 of the `jti` of the refresh token that is good now. */
  current: sha256,
  createdMs: unixMs,
  seenMs: unixMs,
  expiresMs: unixMs,
  place: z.string().max(64),
});
export type LoginRecord = z.infer<typeof loginRecord>;

export const loginFile = z.object({ version: z.literal(1), logins: z.array(loginRecord).max(2000) });
export type LoginFile = z.infer<typeof loginFile>;

export const secretFile = z.object({
  version: z.literal(1),
  /** Which secret a token was signed with. */
  kid: z.string().regex(/^[\w-]{8,64}$/),
  /** 32 bytes, base64url. */
  key: z.string().regex(/^[\w-]{43}$/),
  createdMs: unixMs,
});
export type SecretFile = z.infer<typeof secretFile>;
