import { mkdir, mkdtemp, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { SecretFile } from './secret-file.ts';

// Electron runs in no test of this floor; its keychain is stood in for by one that seals nothing.
vi.mock('electron', () => ({
  safeStorage: {
    isEncryptionAvailable: () => true,
    getSelectedStorageBackend: () => 'gnome_libsecret',
    encryptString: (text: string) => Buffer.from(text),
    decryptString: (sealed: Buffer) => sealed.toString(),
  },
}));

test('secrets that cannot be read are not overwritten by the next one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'labwire-secrets-'));
  try {
    const path = join(folder, 'secrets.json');
    await mkdir(path);
    const secrets = new SecretFile(folder);
    await expect(secrets.write('one', 'a')).rejects.toMatchObject({ code: 'EISDIR' });
    await expect(secrets.read('one')).rejects.toMatchObject({ code: 'EISDIR' });
    await rmdir(path);
    await writeFile(path, JSON.stringify({ old: Buffer.from('kept').toString('base64') }));
    await secrets.write('one', 'a');
    expect(await secrets.read('old')).toBe('kept');
    expect(await secrets.read('one')).toBe('a');
    expect(Object.keys(JSON.parse(await readFile(path, 'utf8')))).toEqual(['old', 'one']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
