import { z } from 'zod';
import type { KeyView, NewKey, UserView } from '../access/access-view.ts';
import { NAMED_ROLES, type NamedRole, rightsOf } from '../access/role.ts';
import { isoTimeOfMs } from '../server-time.ts';

export const userShape = z.object({
  user_id: z.string(),
  username: z.string(),
  /** Not kept here: always empty. */
  email: z.string(),
  full_name: z.string().nullable(),
  roles: z.array(z.string()),
  is_active: z.boolean(),
  is_superuser: z.boolean(),
  must_change_password: z.boolean(),
  mfa_enabled: z.boolean(),
  last_login: z.string().nullable(),
  created_at: z.string(),
  updated_at: z.string(),
});

export function userOf({
  id,
  name,
  role,
  hasMfa,
  createdMs,
  changedMs,
  lastLoginMs,
}: UserView): z.infer<typeof userShape> {
  return {
    user_id: id,
    username: name,
    email: '',
    full_name: null,
    roles: [role],
    is_active: true,
    is_superuser: role === 'admin',
    must_change_password: false,
    mfa_enabled: hasMfa,
    last_login: isoTimeOfMs(lastLoginMs),
    created_at: isoTimeOfMs(createdMs) ?? '',
    updated_at: isoTimeOfMs(changedMs) ?? '',
  };
}

export const keyShape = z.object({
  key_id: z.string(),
  /** Told once, when it is made. */
  key: z.string().nullable(),
  key_prefix: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  scopes: z.array(z.string()),
  is_active: z.boolean(),
  expires_at: z.string().nullable(),
  last_used: z.string().nullable(),
  /** Not counted here. */
  usage_count: z.int().nullable(),
  created_at: z.string(),
});

/** `scopes`: what its role may. */
export function keyOf(view: KeyView, secret: NewKey['secret'] | null, nowMs: number): z.infer<typeof keyShape> {
  return {
    key_id: view.id,
    key: secret,
    key_prefix: secret === null ? 'lw_…' : `${secret.slice(0, 8)}…`,
    name: view.label,
    description: null,
    scopes: [...rightsOf(view.role)],
    is_active: view.expiresMs === undefined || view.expiresMs > nowMs,
    expires_at: isoTimeOfMs(view.expiresMs),
    last_used: isoTimeOfMs(view.usedMs),
    usage_count: null,
    created_at: isoTimeOfMs(view.createdMs) ?? '',
  };
}

export const roleShape = z.object({
  role_id: z.string(),
  name: z.string(),
  role_type: z.string(),
  description: z.string(),
  permissions: z.array(
    z.object({
      permission_id: z.string(),
      resource: z.string(),
      action: z.string(),
      description: z.string(),
      resource_id: z.null(),
      created_at: z.null(),
    }),
  ),
  /** Roles are part of the program. */
  created_at: z.null(),
  updated_at: z.null(),
});

const ACTIONS = { view: 'read', control: 'execute', manage: 'admin' } as const;
const ABOUT: Readonly<Record<NamedRole, string>> = {
  admin: 'Sees, changes instruments, and manages users and locks',
  developer: 'Sees, and changes instruments under their locks',
  viewer: 'Sees what is measured',
  bot: 'A program that sees what is measured and acquired',
};

/** The roles of this hub, which cannot be changed. */
export function roles(): z.infer<typeof roleShape>[] {
  return NAMED_ROLES.map((role) => ({
    role_id: role,
    name: role,
    role_type: role === 'admin' || role === 'viewer' ? role : role === 'developer' ? 'operator' : 'custom',
    description: ABOUT[role],
    permissions: rightsOf(role).map((right) => ({
      permission_id: `${role} ${right}`,
      resource: 'equipment',
      action: ACTIONS[right],
      description: `The right to ${right}`,
      resource_id: null,
      created_at: null,
    })),
    created_at: null,
    updated_at: null,
  }));
}
