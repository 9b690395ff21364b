import { LabError } from '../../core/errors.ts';
import type { Principal } from './principal.ts';

/**
 * Refuses an API key what would outlive it: a key that may little, or that soon runs out, would make itself one that may everything for ever, and a
 * stolen one would shut its user out. A key of an admin is no exception. Throws hub.forbidden.
 */
export function needLogin({ name, keyId }: Principal): void {
  if (keyId === undefined) return;
  throw new LabError(
    'hub.forbidden',
    `That takes a login of ${name} with the password: an API key makes no keys, users, passwords or one-time codes, which would outlive it. Nothing was done.`,
  );
}
