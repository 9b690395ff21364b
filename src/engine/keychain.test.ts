import { expect, it } from 'vitest';
import { LabError } from '../core/errors.ts';
import { createKeychain } from './keychain.ts';

it('keeps secrets where the host keeps them', async () => {
  const kept = new Map<string, string>();
  const keychain = createKeychain({
    read: async (name) => kept.get(name),
    write: async (name, value) => void (value === undefined ? kept.delete(name) : kept.set(name, value)),
  });
  await keychain.write('server:1', 'token');
  expect(keychain.kept).toBe('keychain');
  expect(kept.get('server:1')).toBe('token');
  expect(await keychain.read('server:1')).toBe('token');
  await keychain.write('server:1', undefined);
  expect(await keychain.read('server:1')).toBeUndefined();
});

it('goes over to memory when the host has no keychain, and says so', async () => {
  const refuse = (): Promise<never> => Promise.reject(new LabError('server.unsupported', 'none here'));
  const keychain = createKeychain({ read: refuse, write: refuse });
  await keychain.write('server:1', 'token');
  expect(keychain.kept).toBe('memory');
  expect(await keychain.read('server:1')).toBe('token');
});

it('does not take another fault for a missing keychain', async () => {
  const fail = (): Promise<never> => Promise.reject(new LabError('internal.failed', 'disk'));
  const keychain = createKeychain({ read: fail, write: fail });
  await expect(keychain.write('a', 'b')).rejects.toMatchObject({ code: 'internal.failed' });
  expect(keychain.kept).toBe('keychain');
});
