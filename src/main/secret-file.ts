import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { safeStorage } from 'electron';
import { LabError } from '../core/errors.ts';

const NAME = 'secrets.json';
const MAX_SECRETS = 200;

/**
 * Tokens and passwords of this data folder, encrypted with the key the system's keychain holds (Keychain, DPAPI, Secret Service, KWallet). The file alone opens
 * nothing. Where the system has no keychain nothing is written: `server.unsupported`, and the engine keeps them in memory.
 */
export class SecretFile {
  readonly #path: string;
  #last: Promise<unknown> = Promise.resolve();

  constructor(dataFolder: string) {
    this.#path = join(dataFolder, NAME);
  }

  async read(name: string): Promise<string | undefined> {
    checkKeychain();
    await this.#last;
    const sealed = (await this.#load())[name];
    if (sealed === undefined) return undefined;
    try {
      return safeStorage.decryptString(Buffer.from(sealed, 'base64'));
    } catch {
      // Sealed for another user or another keychain: of no use here.
      return undefined;
    }
  }

  /** Undefined removes it. */
  write(name: string, value: string | undefined): Promise<void> {
    checkKeychain();
    const writing = this.#last.then(async () => {
      const { [name]: _before, ...others } = await this.#load();
      const sealed = value === undefined ? {} : { [name]: safeStorage.encryptString(value).toString('base64') };
      const kept = Object.fromEntries(Object.entries({ ...others, ...sealed }).slice(-MAX_SECRETS));
      const beside = `${this.#path}.tmp`;
      await writeFile(beside, JSON.stringify(kept), { mode: 0o600 });
      await rename(beside, this.#path);
    });
    this.#last = writing.catch(() => undefined);
    return writing;
  }

  /** Rejects with the system's error where there is a file that cannot be read: what is written then would end all that it holds. */
  async #load(): Promise<Record<string, string>> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
      throw error;
    }
    try {
      const parsed: unknown = JSON.parse(text);
      if (typeof parsed !== 'object' || parsed === null) return {};
      return Object.fromEntries(Object.entries(parsed).filter(([, value]) => typeof value === 'string'));
    } catch {
      return {};
    }
  }
}

/** `basic_text` is Chromium's word for a fixed key: no secret at all. */
function checkKeychain(): void {
  const isReal =
    safeStorage.isEncryptionAvailable() &&
    (process.platform !== 'linux' || safeStorage.getSelectedStorageBackend() !== 'basic_text');
  if (isReal) return;
  throw new LabError(
    'server.unsupported',
    'This system has no keychain (on Linux: no Secret Service or KWallet runs). Tokens and passwords are kept in memory until Labwire closes.',
  );
}
