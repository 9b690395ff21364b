import { LabError } from '../core/errors.ts';
import { createMemorySecrets, type SecretStore } from './secret-store.ts';

/** The keychain as the host offers it. */
export interface HostKeychain {
  read(name: string): Promise<string | undefined>;
  write(name: string, value: string | undefined): Promise<void>;
}

/** Secrets in the host's keychain; from its first refusal on, in memory: a login must work all the same, and the screen says where it is kept. */
export function createKeychain(host: HostKeychain): SecretStore {
  const memory = createMemorySecrets();
  let isRefused = false;
  const tried = async <T>(act: () => Promise<T>, instead: () => Promise<T>): Promise<T> => {
    if (isRefused) return instead();
    try {
      return await act();
    } catch (error) {
      if (LabError.from(error).code !== 'server.unsupported') throw error;
      isRefused = true;
      return instead();
    }
  };
  return {
    get kept() {
      return isRefused ? ('memory' as const) : ('keychain' as const);
    },
    read: (name) =>
      tried(
        () => host.read(name),
        () => memory.read(name),
      ),
    write: (name, value) =>
      tried(
        () => host.write(name, value),
        () => memory.write(name, value),
      ),
  };
}
