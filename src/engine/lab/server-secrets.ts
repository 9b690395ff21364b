import type { SecretStore } from '../secret-store.ts';

/** What a server wants to know us by: its token, and what renews a login. */
export interface ServerSecret {
  token: string | undefined;
  session: string | undefined;
}

/** The secrets of each server; a store that cannot be read has none. */
export class ServerSecrets {
  readonly #store: SecretStore;

  constructor(store: SecretStore) {
    this.#store = store;
  }

  get kept(): SecretStore['kept'] {
    return this.#store.kept;
  }

  async read(server: string): Promise<ServerSecret> {
    const of = (name: string): Promise<string | undefined> => this.#store.read(name).catch(() => undefined);
    return { token: await of(tokenOf(server)), session: await of(sessionOf(server)) };
  }

  /** Throws what the store throws. */
  keepToken(server: string, token: string | undefined): Promise<void> {
    return this.#store.write(tokenOf(server), token);
  }

  /** Undefined: the login ended. Never throws: then the next engine asks for the login. */
  async keepSession(server: string, session: string | undefined): Promise<void> {
    await this.#store.write(sessionOf(server), session).catch(() => undefined);
  }

  async forget(server: string): Promise<void> {
    for (const name of [tokenOf(server), sessionOf(server)])
      await this.#store.write(name, undefined).catch(() => undefined);
  }
}

function tokenOf(server: string): string {
  return `server:${server}`;
}

function sessionOf(server: string): string {
  return `session:${server}`;
}
