import type { NamedRole } from './role.ts';

/** A user as others may see it: nothing of the password or of the one-time codes. */
export interface UserView {
  readonly id: string;
  readonly name: string;
  readonly role: NamedRole;
  readonly hasMfa: boolean;
  /** ms since 1970. */
  readonly createdMs: number;
  readonly changedMs: number;
  readonly lastLoginMs: number | undefined;
}

/** An API key as others may see it. */
export interface KeyView {
  readonly id: string;
  /** Name of the user it acts for. */
  readonly user: string;
  /** What it may today. */
  readonly role: NamedRole;
  readonly label: string;
  /** ms since 1970. */
  readonly createdMs: number;
  readonly expiresMs: number | undefined;
  readonly usedMs: number | undefined;
}

export interface NewKey {
  readonly key: KeyView;
  /** `lw_…`, told this once. */
  readonly secret: string;
}
