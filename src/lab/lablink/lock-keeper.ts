import { LabError } from '../../core/errors.ts';
import { lockAnswer, lockSession, lockStatus } from '../../protocol/lab/lablink-rest.ts';
import { errorText, httpError } from '../http-error.ts';
import type { LockState } from '../lab-server.ts';
import type { LabLinkPlace } from './place.ts';

/** A lock of the server nobody touches ends after so long; it is touched three times as often. */
const LOCK_S = 240;
/** A lock taken only for a command is given back so long after the last one. */
const LENT_MS = 20_000;
/** Outputs that are to be off do not wait long for a lock. */
const URGENT_MS = 3_000;

interface Held {
  /** By the person; else only for commands. */
  isAsked: boolean;
  lentUntilMs: number;
}

/** Locks of this client at one server: under a session of its own, kept alive, given back. Never taken from anybody unless told so. */
export class LockKeeper implements AsyncDisposable {
  readonly #place: LabLinkPlace;
  readonly #held = new Map<string, Held>();
  /** As last heard. */
  readonly #states = new Map<string, LockState>();
  /** Under which session somebody else has it, as last heard: its name is asked for once. */
  readonly #others = new Map<string, string>();
  #session: Promise<string> | undefined;
  #isServerSession = false;
  #timer: Disposable | undefined;
  #isDisposed = false;

  constructor(place: LabLinkPlace) {
    this.#place = place;
  }

  state(equipment: string): LockState | undefined {
    return this.#states.get(equipment);
  }

  /** Our name at the server. */
  session(): Promise<string> {
    this.#session ??= this.#createSession();
    return this.#session;
  }

  /** Takes the lock, for the person or for a command. Throws server.busy with its owner; with `force` its owner loses it. */
  async hold(
    equipment: string,
    options: { isAsked: boolean; force?: boolean; isUrgent?: boolean | undefined },
    signal?: AbortSignal,
  ): Promise<LockState> {
    const { isUrgent } = options;
    const session = await this.session();
    const body = { equipment_id: equipment, session_id: session, lock_mode: 'exclusive', timeout_seconds: LOCK_S };
    const ask = () =>
      this.#place.rest.answer('/api/locks/acquire', {
        method: 'POST',
        body: { ...body, queue_if_busy: false },
        signal,
        isUrgent,
        ...(isUrgent ? { timeoutMs: URGENT_MS } : {}),
      });
    let answer = await ask();
    if (options.force && !isSuccess(answer)) {
      await this.#place.rest.post(
        '/api/locks/release',
        { equipment_id: equipment, session_id: session, force: true },
        { signal, isUrgent, timeoutMs: URGENT_MS },
      );
      answer = await ask();
    }
    if (!isSuccess(answer)) {
      const { status } = answer;
      // A server without locks: nothing stands in the way of a command.
      if (status === 404 || status === 405 || status === 501) return unlocked(equipment);
      // A queued lock is 200 with success:false.
      if (status === 200 || status === 409 || status === 423) throw await this.#busy(equipment, status, signal);
      throw httpError(`the lock of ${equipment}`, status, errorText(answer.json, answer.text));
    }
    const before = this.#held.get(equipment);
    this.#held.set(equipment, {
      isAsked: options.isAsked || (before?.isAsked ?? false),
      lentUntilMs: this.#place.ports.clock.monotonicMs() + LENT_MS,
    });
    this.#keepAlive();
    return this.#tell({ equipment, owner: this.#place.name, isOurs: true, expiresInS: LOCK_S });
  }

  /** For a command: nothing is asked while we have it. */
  async ensure(equipment: string, signal?: AbortSignal, isUrgent?: boolean): Promise<string> {
    const held = this.#held.get(equipment);
    if (held) held.lentUntilMs = this.#place.ports.clock.monotonicMs() + LENT_MS;
    else await this.hold(equipment, { isAsked: false, isUrgent }, signal);
    return this.session();
  }

  /** A command was refused for want of the lock, so it is not ours any more. */
  lost(equipment: string): void {
    this.#held.delete(equipment);
  }

  /** Gives it back. Throws server.* where the server does not take it: then it is ours still, and kept, unless the server says that it is not (403, 404). */
  async release(equipment: string, signal?: AbortSignal): Promise<LockState> {
    const held = this.#held.get(equipment);
    if (!held) return this.#tell(unlocked(equipment));
    const session = await this.session();
    // It is not touched meanwhile: that would take it again.
    this.#held.delete(equipment);
    try {
      const { status, json, text } = await this.#place.rest.answer('/api/locks/release', {
        method: 'POST',
        body: { equipment_id: equipment, session_id: session, force: false },
        signal,
      });
      if (status === 200) return this.#tell(unlocked(equipment));
      throw httpError(`giving back the lock of ${equipment}`, status, errorText(json, text));
    } catch (thrown) {
      const { status } = LabError.from(thrown).details;
      if (status !== 403 && status !== 404 && !this.#isDisposed && !this.#held.has(equipment)) {
        this.#held.set(equipment, held);
        this.#keepAlive();
      }
      throw thrown;
    }
  }

  /** What `GET /api/locks/all` says: owners come and go without a word on the socket. */
  async heard(locks: ReadonlyMap<string, { session: string }>): Promise<void> {
    const ours = this.#session === undefined ? undefined : await this.#session;
    for (const [equipment, { session }] of locks) {
      if (session === ours) continue;
      if (this.#held.delete(equipment)) this.#note(equipment, 'Somebody took the lock from this client.');
      const known = this.#states.get(equipment);
      const isNew = known?.owner === '' || known?.isOurs || !known || this.#others.get(equipment) !== session;
      this.#others.set(equipment, session);
      if (isNew) this.#tell({ equipment, owner: await this.#ownerName(session), isOurs: false, expiresInS: undefined });
    }
    for (const [equipment, state] of this.#states) {
      if (locks.has(equipment) || state.owner === '') continue;
      // Ours ran out, or the server began anew: it is asked for again at the next keep-alive or command.
      if (state.isOurs && this.#held.has(equipment)) await this.#retake(equipment);
      else this.#tell(unlocked(equipment));
    }
  }

  /** Gives everything back. Never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#timer?.[Symbol.dispose]();
    if (this.#session === undefined) return;
    const held = [...this.#held.keys()];
    this.#held.clear();
    try {
      const session = await this.#session;
      const release = (equipment: string) =>
        this.#place.rest.answer('/api/locks/release', {
          method: 'POST',
          body: { equipment_id: equipment, session_id: session, force: false },
          timeoutMs: 2000,
        });
      await Promise.allSettled(held.map(release));
      if (this.#isServerSession)
        await this.#place.rest.answer(`/api/locks/sessions/${encodeURIComponent(session)}`, {
          method: 'DELETE',
          timeoutMs: 2000,
        });
    } catch {
      // The server is gone; its locks run out by themselves.
    }
  }

  async #createSession(): Promise<string> {
    const body = { client_name: this.#place.name, timeout_seconds: 600, metadata: {} };
    try {
      const created = lockSession.parse(
        await this.#place.rest.post('/api/locks/sessions/create', body, { isUrgent: true }),
      );
      this.#isServerSession = true;
      return created.session_id;
    } catch {
      // Any text is a session for the locks; only our name is not shown then.
      const hex = this.#place.ports.uniqueId();
      return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
    }
  }

  #keepAlive(): void {
    if (this.#timer || this.#isDisposed) return;
    this.#timer = this.#place.ports.clock.after(Math.min(LENT_MS, (LOCK_S * 1000) / 3), () => {
      this.#timer = undefined;
      void this.#touchAll().finally(() => {
        if (this.#held.size > 0) this.#keepAlive();
      });
    });
  }

  async #touchAll(): Promise<void> {
    const now = this.#place.ports.clock.monotonicMs();
    await this.#touchSession();
    for (const [equipment, held] of [...this.#held]) {
      if (this.#isDisposed) return;
      try {
        if (!held.isAsked && now >= held.lentUntilMs) await this.release(equipment);
        else await this.#touch(equipment);
      } catch {
        // The server does not answer: the lock is touched again at the next turn.
      }
    }
  }

  /** A session that ends takes its locks with it. */
  async #touchSession(): Promise<void> {
    if (!this.#isServerSession) return;
    const id = encodeURIComponent(await this.session());
    try {
      await this.#place.rest.answer(`/api/locks/sessions/${id}/activity`, { method: 'POST' });
    } catch {
      // At the next turn again.
    }
  }

  async #touch(equipment: string): Promise<void> {
    const session = await this.session();
    const { status } = await this.#place.rest.answer(`/api/locks/activity/${encodeURIComponent(equipment)}`, {
      method: 'POST',
      body: { session_id: session },
    });
    if (status >= 400 && status < 500 && status !== 429) await this.#retake(equipment);
  }

  /** The lock ran out, or the server forgot it: taken again if nobody has it. */
  async #retake(equipment: string): Promise<void> {
    const held = this.#held.get(equipment);
    this.#held.delete(equipment);
    try {
      await this.hold(equipment, { isAsked: held?.isAsked ?? false });
    } catch (thrown) {
      this.#note(equipment, `The lock ran out and is another's now: ${LabError.from(thrown).message}`);
    }
  }

  async #busy(equipment: string, status: number, signal: AbortSignal | undefined): Promise<LabError> {
    let owner = 'somebody';
    try {
      const id = encodeURIComponent(equipment);
      const { session_id } = lockStatus.parse(await this.#place.rest.get(`/api/locks/status/${id}`, { signal }));
      if (session_id !== undefined) owner = await this.#ownerName(session_id);
    } catch {
      // Then the owner stays unnamed.
    }
    this.#tell({ equipment, owner, isOurs: false, expiresInS: undefined });
    return new LabError(
      'server.busy',
      `${equipment} is locked by ${owner}. Nothing was changed. Ask them to let go, or take the lock by force if you must.`,
      { equipment, owner, status },
    );
  }

  /** The name of a session's client, where the server knows it; else the session itself. */
  async #ownerName(session: string): Promise<string> {
    try {
      const known = lockSession.parse(await this.#place.rest.get(`/api/locks/sessions/${encodeURIComponent(session)}`));
      return known.client_name ? `${known.client_name} (${known.client_ip ?? session})` : session;
    } catch {
      return session;
    }
  }

  #tell(state: LockState): LockState {
    const known = this.#states.get(state.equipment);
    this.#states.set(state.equipment, state);
    if (known?.owner !== state.owner || known.isOurs !== state.isOurs) this.#place.emit({ kind: 'lock', lock: state });
    return state;
  }

  #note(equipment: string, text: string): void {
    this.#place.emit({ kind: 'note', topic: 'lock', severity: 'warning', text: `${equipment}: ${text}`, data: {} });
  }
}

function unlocked(equipment: string): LockState {
  return { equipment, owner: '', isOurs: false, expiresInS: undefined };
}

function isSuccess(answer: { status: number; json: unknown }): boolean {
  const said = lockAnswer.safeParse(answer.json);
  return answer.status === 200 && said.success && said.data.success;
}
