import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { EquipmentTurns } from '../equipment-turns.ts';
import type { LockState } from '../lab-server.ts';
import type { RestAnswer, RestClient } from '../rest-client.ts';
import { busy, closed, failed, isGiven, isTaken, notConnected } from './lock-answer.ts';
import { type ListedLock, readLocks } from './lock-list.ts';

/** A lock nobody asks for again ends after so long; it is asked for three times as often. */
const LOCK_S = 240;
/** One that could not be kept is asked for again after so long. */
const AGAIN_MS = 10_000;
const TIMEOUT_MS = 5000;
/** At the end: what still runs is waited for so long, and so is each lock that is given back. */
const GRACE_MS = 2000;

export interface LockHost {
  readonly rest: RestClient;
  readonly clock: Clock;
  /** Of our session: commands of it may pass. '': there was no connection yet. */
  readonly session: string;
  /** As whom we hold a lock. */
  readonly name: string;
  /** Somebody else has it, or nobody, or we. */
  changed(lock: LockState): void;
  note(severity: 'info' | 'warning', text: string): void;
}

interface Held {
  /** It is held under. */
  session: string;
  /** The last try to keep it failed, and that was said. */
  isFailing: boolean;
}

/**
 * Locks of instruments, held for this session and kept alive, taken anew after a new session; never by force unless a person said so. Whose the others are is
 * what `look` heard last.
 *
 *     free ──set──▶ held ──set off, dispose──▶ free
 *                   │  └── asked for again each 80 s; no answer, or one of trouble: kept, and again after 10 s
 *                   └── the server says another has it (409, 423), or its list does: lost, and told
 */
export class EquipmentLocks implements AsyncDisposable {
  readonly #host: LockHost;
  readonly #held = new Map<string, Held>();
  /** As last heard. */
  readonly #states = new Map<string, LockState>();
  readonly #turns = new EquipmentTurns();
  readonly #closing = new AbortController();
  #timer: Disposable | undefined;
  #isOver = false;

  constructor(host: LockHost) {
    this.#host = host;
  }

  /** As last heard; undefined: nothing was. */
  state(equipment: string): LockState | undefined {
    return this.#states.get(equipment);
  }

  /**
   * Takes a lock or gives it back. `force`: its owner loses it, if our role may. Throws server.busy where somebody else has it, server.denied, server.closed,
   * and as RestClient; a lock that was not given back is still ours.
   */
  async set(equipment: string, on: boolean, force: boolean, signal: AbortSignal | undefined): Promise<LockState> {
    this.#mustGoOn();
    return this.#turns.run(equipment, () =>
      on ? this.#take(equipment, force, signal) : this.#release(equipment, signal),
    );
  }

  /** A connection is ready, maybe under another session: what was held is asked for in its name. Never throws. */
  async renewed(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    await this.#touchAll();
  }

  /** Asks who has what. False: the server has no such list. Never throws. */
  async look(): Promise<boolean> {
    const asked = this.#turns.moves;
    try {
      const list = await readLocks(this.#host.rest, this.#closing.signal);
      if (!list) return false;
      for (const equipment of new Set([...list.keys(), ...this.#states.keys(), ...this.#held.keys()])) {
        // What was asked for since is newer than this answer.
        if (!this.#isOver && this.#turns.isQuietSince(equipment, asked)) this.#heard(equipment, list.get(equipment));
      }
    } catch {
      // It is asked again in a moment.
    }
    return true;
  }

  /** Gives back what is held, and what is only now being given. Never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.[Symbol.dispose]();
    const patience = this.#host.clock.after(GRACE_MS, () => this.#closing.abort(closed()));
    const ours = new Set([...this.#held.keys(), ...this.#turns.busy]);
    const giveBack = async (equipment: string): Promise<void> => {
      const held = this.#held.get(equipment);
      this.#held.delete(equipment);
      if (held) await this.#giveBack(equipment, held.session);
    };
    await Promise.allSettled([...ours].map((one) => this.#turns.run(one, () => giveBack(one))));
    patience[Symbol.dispose]();
    this.#closing.abort(closed());
  }

  async #take(equipment: string, force: boolean, signal: AbortSignal | undefined): Promise<LockState> {
    this.#mustGoOn();
    let answer = await this.#acquire(equipment, signal);
    if (!isGiven(answer) && force) {
      const body = { equipment_id: equipment, session_id: this.#host.session, force: true };
      const forced = await this.#post('release', body, signal);
      if (forced.status !== 200) throw failed(`the lock of ${equipment} by force`, forced);
      answer = await this.#acquire(equipment, signal);
    }
    this.#mustGoOn();
    if (isGiven(answer)) return this.#tell(this.#ours(equipment));
    const owner = (await this.#owner(equipment))?.owner ?? 'somebody else';
    if (this.#held.has(equipment)) this.#lost(equipment, owner);
    else this.#tell({ equipment, owner, isOurs: false, expiresInS: undefined });
    throw busy(equipment, owner, answer.status);
  }

  async #release(equipment: string, signal: AbortSignal | undefined): Promise<LockState> {
    this.#mustGoOn();
    const session = this.#held.get(equipment)?.session ?? this.#host.session;
    const answer = await this.#post('release', { equipment_id: equipment, session_id: session }, signal);
    if (answer.status === 200) {
      this.#held.delete(equipment);
      return this.#tell({ equipment, owner: '', isOurs: false, expiresInS: undefined });
    }
    // Then it is not ours; else it is, and is kept.
    if (answer.status === 403 || answer.status === 404) this.#held.delete(equipment);
    throw failed(`giving back the lock of ${equipment}`, answer);
  }

  /** Gives 200, and then it is held; 409 or 423: another has it. Throws what else the server says, server.closed, and as RestClient. */
  async #acquire(equipment: string, signal: AbortSignal | undefined): Promise<RestAnswer> {
    const { session } = this.#host;
    if (session === '') throw notConnected();
    const held = this.#held.get(equipment);
    // The session before is still its holder, and would be taken for somebody else.
    if (held && held.session !== session) await this.#giveBack(equipment, held.session);
    const body = {
      equipment_id: equipment,
      session_id: session,
      lock_mode: 'exclusive',
      timeout_seconds: LOCK_S,
      queue_if_busy: false,
    };
    let answer: RestAnswer;
    try {
      answer = await this.#post('acquire', body, signal);
    } catch (thrown) {
      // Nobody knows whether it was given: without a wish for it, or under a session of which nobody knows, it must not stay.
      if (held?.session !== session) await this.#giveBack(equipment, session);
      throw thrown;
    }
    if (isGiven(answer)) {
      this.#held.set(equipment, { session, isFailing: false });
      if (!this.#timer) this.#arm();
    } else if (!isTaken(answer)) throw failed(`the lock of ${equipment}`, answer);
    return answer;
  }

  #post(what: 'acquire' | 'release', body: object, signal: AbortSignal | undefined): Promise<RestAnswer> {
    const ends = [this.#closing.signal, ...(signal ? [signal] : [])];
    const request = { method: 'POST', body, signal: AbortSignal.any(ends), timeoutMs: TIMEOUT_MS } as const;
    return this.#host.rest.answer(`/api/locks/${what}`, request);
  }

  async #giveBack(equipment: string, session: string): Promise<void> {
    const body = { equipment_id: equipment, session_id: session };
    try {
      await this.#host.rest.answer('/api/locks/release', { method: 'POST', body, timeoutMs: GRACE_MS });
    } catch {
      // It runs out by itself.
    }
  }

  #arm(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    if (this.#isOver || this.#held.size === 0) return;
    const isFailing = [...this.#held.values()].some((held) => held.isFailing);
    this.#timer = this.#host.clock.after(isFailing ? AGAIN_MS : (LOCK_S * 1000) / 3, () => void this.#touchAll());
  }

  async #touchAll(): Promise<void> {
    await Promise.all([...this.#held.keys()].map((one) => this.#turns.run(one, () => this.#touch(one))));
    this.#arm();
  }

  async #touch(equipment: string): Promise<void> {
    const held = this.#held.get(equipment);
    if (!held || this.#isOver) return;
    try {
      const answer = await this.#acquire(equipment, undefined);
      if (!isGiven(answer)) this.#lost(equipment, (await this.#owner(equipment))?.owner ?? 'somebody else');
    } catch (thrown) {
      if (this.#isOver) return;
      if (!held.isFailing)
        this.#host.note(
          'warning',
          `${equipment}: its lock could not be kept: ${LabError.from(thrown).message} It is tried again each ${AGAIN_MS / 1000} s, and runs out ${LOCK_S} s after it was kept last.`,
        );
      held.isFailing = true;
    }
  }

  #heard(equipment: string, lock: ListedLock | undefined): void {
    const held = this.#held.get(equipment);
    const isOurs = lock?.session === (held?.session ?? this.#host.session);
    if (held && !isOurs) this.#lost(equipment, lock?.owner ?? '');
    else if (isOurs) this.#tell(this.#ours(equipment));
    else this.#tell({ equipment, owner: lock?.owner ?? '', isOurs: false, expiresInS: undefined });
  }

  #lost(equipment: string, owner: string): void {
    this.#held.delete(equipment);
    const whose = owner === '' ? 'nobody has it' : `${owner} has it`;
    this.#host.note('warning', `${equipment}: its lock was taken from this client; ${whose} now.`);
    this.#tell({ equipment, owner, isOurs: false, expiresInS: undefined });
  }

  #ours(equipment: string): LockState {
    return { equipment, owner: this.#host.name, isOurs: true, expiresInS: LOCK_S };
  }

  async #owner(equipment: string): Promise<ListedLock | undefined> {
    try {
      return (await readLocks(this.#host.rest, this.#closing.signal))?.get(equipment);
    } catch {
      return undefined;
    }
  }

  #tell(state: LockState): LockState {
    const known = this.#states.get(state.equipment) ?? { owner: '', isOurs: false };
    this.#states.set(state.equipment, state);
    if (known.owner !== state.owner || known.isOurs !== state.isOurs) this.#host.changed(state);
    return state;
  }

  #mustGoOn(): void {
    if (this.#isOver) throw closed();
  }
}
