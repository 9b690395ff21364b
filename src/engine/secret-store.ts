/** Where tokens and passwords are kept. Names are ours (`server:ID`); a value is never written anywhere else. */
export interface SecretStore {
  /** `keychain`: the system's; `memory`: gone with the engine, because this host has none. */
  readonly kept: 'keychain' | 'memory';
  read(name: string): Promise<string | undefined>;
  /** Undefined removes it. */
  write(name: string, value: string | undefined): Promise<void>;
}

export function createMemorySecrets(): SecretStore {
  const values = new Map<string, string>();
  return {
    kept: 'memory',
    read: async (name) => values.get(name),
    write: async (name, value) => {
      if (value === undefined) values.delete(name);
      else values.set(name, value);
    },
  };
}
