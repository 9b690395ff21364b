import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import type { SecretFile } from './access-schema.ts';
import { secretFile } from './access-schema.ts';
import { KeptFile } from './kept-file.ts';
import type { RandomBytes } from './password-hash.ts';

/** What stands for no secret; signs nothing. */
const NONE: SecretFile = { version: 1, kid: 'no-secret', key: 'A'.repeat(43), createdMs: 0 };

/**
 * The secret tokens are signed with, kept in `secret` of the folder and made at the first start. A new one (the file was removed or damaged) ends every login.
 * Throws hub.storage.
 */
export async function openHubSecret(
  folder: string,
  clock: Clock,
  random: RandomBytes,
  say: (text: string) => void,
): Promise<SecretFile> {
  const path = join(folder, 'secret');
  const file = await KeptFile.open({ path, schema: secretFile, empty: NONE, clock, say });
  return file.change((known) => {
    if (known !== NONE) return [known, known];
    const made: SecretFile = {
      version: 1,
      kid: Buffer.from(random(9)).toString('base64url'),
      key: Buffer.from(random(32)).toString('base64url'),
      createdMs: Number(clock.nowNs() / 1_000_000n),
    };
    return [made, made];
  });
}

/** A key for one purpose, so that no secret has two. */
export function derivedKey(secret: SecretFile, purpose: string): Uint8Array {
  return createHmac('sha256', Buffer.from(secret.key, 'base64url')).update(`labwire ${purpose}`).digest();
}
