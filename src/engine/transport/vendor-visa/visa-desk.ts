import { checkStatus, noSession, TEXT_BYTES, textOf, VisaFailure } from './visa-failure.ts';
import { loadVisaLibrary, type VisaLibrary } from './visa-library.ts';
import type { VisaCall, VisaValue } from './visa-messages.ts';
import { VisaSession } from './visa-session.ts';
import { isVisaError, VISA_ERROR } from './visa-status.ts';

/** VI_EXCLUSIVE_LOCK, VI_SHARED_LOCK. */
const LOCK = { exclusive: 1, shared: 2 } as const;

/** Carries out requests with the library. Calls of one session may overlap (a clear while a read waits); the library sorts them. */
export class VisaDesk {
  #library: VisaLibrary | undefined;
  #manager = 0;
  readonly #sessions = new Map<number, VisaSession>();

  /** Throws VisaFailure. */
  async carryOut(request: VisaCall): Promise<VisaValue> {
    switch (request.call) {
      case 'load':
        return this.#load(request.libraries);
      case 'find':
        return { resources: await this.#find(request.expression, request.limit) };
      case 'open':
        return this.#open(request.resource, request.timeoutMs);
      case 'read':
        return this.session(request.session).read(request);
      case 'stop':
        this.session(request.session).stop();
        return {};
      case 'write':
        await this.session(request.session).write(request);
        return {};
      case 'lock':
        return this.#lock(request);
      case 'close':
        return this.#close(request.session);
      case 'clear':
        return this.#plain(this.#need().clear(request.session));
      case 'trigger':
        // VI_TRIG_PROT_DEFAULT.
        return this.#plain(this.#need().assertTrigger(request.session, 0));
      case 'statusByte': {
        const status = [0];
        await this.#plain(this.#need().readStb(request.session, status));
        return { statusByte: (status[0] ?? 0) & 0xff };
      }
      case 'remote':
        return this.#plain(this.#need().gpibControlRen(request.session, request.mode));
      case 'unlock':
        return this.#plain(this.#need().unlock(request.session));
    }
  }

  /** One that is open. Throws VisaFailure. */
  session(id: number): VisaSession {
    const session = this.#sessions.get(id);
    if (!session) throw noSession();
    return session;
  }

  async #load(paths: readonly string[]): Promise<VisaValue> {
    if (!this.#library) {
      let library: VisaLibrary;
      try {
        library = loadVisaLibrary(paths);
      } catch (error) {
        throw new VisaFailure(undefined, error instanceof Error ? error.message : String(error));
      }
      const manager = [0];
      const status = await library.openDefaultRm(manager);
      if (isVisaError(status)) throw new VisaFailure(status, `${library.path} cannot open its resource manager`);
      this.#library = library;
      this.#manager = manager[0] ?? 0;
    }
    return { library: this.#library.path };
  }

  async #find(expression: string, limit: number): Promise<string[]> {
    const library = this.#need();
    const list = [0];
    const count = [0];
    const name = new Uint8Array(TEXT_BYTES);
    const status = await library.findRsrc(this.#manager, expression, list, count, name);
    if (status >>> 0 === VISA_ERROR.notFound) return [];
    await this.#check(status);
    const found = [textOf(name)];
    try {
      while (found.length < Math.min(limit, count[0] ?? 0)) {
        await this.#check(await library.findNext(list[0] ?? 0, name));
        found.push(textOf(name));
      }
    } finally {
      await library.close(list[0] ?? 0);
    }
    return found;
  }

  async #open(resource: string, timeoutMs: number): Promise<VisaValue> {
    const library = this.#need();
    const session = [0];
    // VI_NO_LOCK.
    await this.#check(await library.open(this.#manager, resource, 0, timeoutMs, session));
    const id = session[0] ?? 0;
    this.#sessions.set(id, new VisaSession(library, this.#manager, id));
    return { session: id };
  }

  async #close(id: number): Promise<VisaValue> {
    const session = this.#sessions.get(id);
    this.#sessions.delete(id);
    await session?.close();
    return this.#plain(this.#need().close(id));
  }

  async #lock({ session, timeoutMs, sharedKey }: Extract<VisaCall, { call: 'lock' }>): Promise<VisaValue> {
    const type = sharedKey === undefined ? LOCK.exclusive : LOCK.shared;
    const granted = sharedKey === undefined ? null : new Uint8Array(TEXT_BYTES);
    return this.#plain(this.#need().lock(session, type, timeoutMs, sharedKey ?? null, granted));
  }

  async #plain(status: Promise<number>): Promise<VisaValue> {
    await this.#check(await status);
    return {};
  }

  #check(status: number): Promise<void> {
    return checkStatus(this.#need(), this.#manager, status);
  }

  #need(): VisaLibrary {
    if (!this.#library) throw new VisaFailure(undefined, 'no library is loaded');
    return this.#library;
  }
}
