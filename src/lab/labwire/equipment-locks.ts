import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { errorText } from '../http-error.ts';
import type { LockState } from '../lab-server.ts';
import type { RestClient } from '../rest-client.ts';

const LOCK_S = 240;

export interface LockHost {
  readonly rest: RestClient;
  readonly clock: Clock;
  /** Of our session: commands of it may pass. */
  readonly session: string;
  changed(lock: LockState): void;
}

/** Locks of instruments, held for this session and kept alive, taken anew after a new session; never by force unless a person said so. */
export class EquipmentLocks implements Disposable {
  readonly #host: LockHost;
  readonly #held = new Set<string>();
  #timer: Disposable | undefined;
  #session = '';

  constructor(host: LockHost) {
    this.#host = host;
  }

  /** Throws server.busy where somebody else has it, and as RestClient. */
  async set(equipment: string, on: boolean, force: boolean, signal: AbortSignal | undefined): Promise<LockState> {
    const state = on ? await this.#acquire(equipment, force, signal) : await this.#release(equipment, signal);
    this.#host.changed(state);
    return state;
  }

  /** Another session: what was held is asked for in its name. */
  renewed(): void {
    if (this.#session === this.#host.session) return;
    this.#session = this.#host.session;
    void this.#touch();
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#held.clear();
  }

  async #acquire(equipment: string, force: boolean, signal: AbortSignal | undefined): Promise<LockState> {
    const { rest, session } = this.#host;
    const body = {
      equipment_id: equipment,
      session_id: session,
      lock_mode: 'exclusive',
      timeout_seconds: LOCK_S,
      queue_if_busy: false,
      force,
    };
    const answer = await rest.answer('/api/locks/acquire', { method: 'POST', body, signal });
    if (answer.status !== 200) throw busy(equipment, errorText(answer.json, answer.text));
    this.#held.add(equipment);
    this.#arm();
    return { equipment, owner: session, isOurs: true, expiresInS: LOCK_S };
  }

  async #release(equipment: string, signal: AbortSignal | undefined): Promise<LockState> {
    this.#held.delete(equipment);
    const body = { equipment_id: equipment, session_id: this.#host.session };
    await this.#host.rest.request('/api/locks/release', { method: 'POST', body, signal });
    return { equipment, owner: '', isOurs: false, expiresInS: undefined };
  }

  #arm(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#host.clock.after((LOCK_S * 1000) / 3, () => void this.#touch());
  }

  async #touch(): Promise<void> {
    for (const equipment of [...this.#held]) {
      try {
        await this.#acquire(equipment, false, undefined);
      } catch (thrown) {
        if (LabError.from(thrown).code !== 'server.busy') continue;
        this.#held.delete(equipment);
        this.#host.changed({ equipment, owner: 'somebody else', isOurs: false, expiresInS: undefined });
      }
    }
    if (this.#held.size > 0) this.#arm();
  }
}

function busy(equipment: string, said: string): LabError {
  return new LabError(
    'server.busy',
    `${equipment} is not locked for this client${said === '' ? '' : `: ${said}`}. Nothing was changed there. Ask who holds it.`,
    { equipment },
  );
}
