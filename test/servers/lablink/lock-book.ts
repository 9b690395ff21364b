import { randomUUID } from 'node:crypto';
import type { ServerTime } from './server-time.ts';

interface Lock {
  lock_id: string;
  equipment_id: string;
  session_id: string;
  lock_mode: 'exclusive' | 'observer';
  acquired_at: string;
  last_activity: string;
  timeout_seconds: number;
}

interface Held {
  lock: Lock;
  touchedMs: number;
}

export interface Answer {
  status: number;
  json: unknown;
}

const CONTROL =
  /set_voltage|set_current|set_output|set_input|set_mode|set_range|set_channel|set_trigger|set_timebase|set_scale|set_position|set_offset|reset|clear|save|recall|calibrate/;

/** Locks as the shipped server has them: any text is a session, force works for anyone. */
export class LockBook {
  readonly exclusive = new Map<string, Held>();
  readonly sessions = new Map<string, Record<string, unknown>>();
  readonly queues = new Map<string, { session_id: string }[]>();
  /** How often a lock was kept alive. */
  activities = 0;
  readonly #time: ServerTime;
  readonly #capS: number | undefined;

  constructor(time: ServerTime, capS: number | undefined) {
    this.#time = time;
    this.#capS = capS;
  }

  sweep(): void {
    for (const [id, { lock, touchedMs }] of this.exclusive) {
      if (lock.timeout_seconds > 0 && Date.now() - touchedMs > lock.timeout_seconds * 1000) this.#free(id);
    }
  }

  acquire(body: Record<string, unknown>): Answer {
    this.sweep();
    const equipment = String(body.equipment_id);
    const session = String(body.session_id);
    const held = this.exclusive.get(equipment);
    const mode = body.lock_mode === 'observer' ? 'observer' : 'exclusive';
    if (held && held.lock.session_id !== session) {
      if (mode === 'observer')
        return refusal(409, `Equipment ${equipment} has exclusive lock by session ${held.lock.session_id}`);
      if (body.queue_if_busy === true) {
        const queue = this.queues.get(equipment) ?? [];
        queue.push({ session_id: session });
        this.queues.set(equipment, queue);
        return {
          status: 200,
          json: {
            success: false,
            status: 'queued',
            message: `Equipment locked by session ${held.lock.session_id}`,
            current_lock: held.lock,
            queue_entry: { queue_id: randomUUID(), equipment_id: equipment, session_id: session, position: 0 },
          },
        };
      }
      return refusal(409, `Equipment ${equipment} is locked by session ${held.lock.session_id}`);
    }
    if (held) {
      held.touchedMs = Date.now();
      return { status: 200, json: { success: true, status: 'refreshed', lock: held.lock } };
    }
    const now = this.#time.naive();
    const asked = typeof body.timeout_seconds === 'number' ? body.timeout_seconds : 300;
    const lock: Lock = {
      lock_id: randomUUID(),
      equipment_id: equipment,
      session_id: session,
      lock_mode: mode,
      acquired_at: now,
      last_activity: now,
      timeout_seconds: this.#capS ?? asked,
    };
    if (mode === 'exclusive') this.exclusive.set(equipment, { lock, touchedMs: Date.now() });
    return { status: 200, json: { success: true, status: mode === 'observer' ? 'observer' : 'locked', lock } };
  }

  release(body: Record<string, unknown>): Answer {
    const equipment = String(body.equipment_id);
    const held = this.exclusive.get(equipment);
    const force = body.force === true;
    if (!held) return { status: 200, json: { success: true, status: 'not_locked', was_forced: force } };
    if (held.lock.session_id !== body.session_id && !force)
      return refusal(403, `Cannot release lock: owned by session ${held.lock.session_id}`);
    this.#free(equipment);
    return { status: 200, json: { success: true, status: 'released', was_forced: force } };
  }

  touch(equipment: string, session: unknown): Answer {
    this.sweep();
    const held = this.exclusive.get(equipment);
    if (!held || held.lock.session_id !== session)
      return refusal(404, `No lock for session ${String(session)} on equipment ${equipment}`);
    held.touchedMs = Date.now();
    this.activities++;
    return {
      status: 200,
      json: { success: true, message: 'Activity updated', equipment_id: equipment, session_id: session },
    };
  }

  /** Whether a command may pass; undefined: it may. */
  refuse(equipment: string, action: string, session: unknown): Answer | undefined {
    this.sweep();
    if (!CONTROL.test(action)) return undefined;
    if (typeof session !== 'string')
      return refusal(401, 'session_id required for control commands when locks are enabled');
    const held = this.exclusive.get(equipment);
    if (held?.lock.session_id === session) {
      held.touchedMs = Date.now();
      return undefined;
    }
    return refusal(
      403,
      `Equipment ${equipment} is locked by session ${held?.lock.session_id ?? 'unknown'}. Acquire exclusive lock before control commands.`,
    );
  }

  status(equipment: string): unknown {
    this.sweep();
    const held = this.exclusive.get(equipment);
    return {
      equipment_id: equipment,
      locked: held !== undefined,
      lock_mode: held?.lock.lock_mode ?? null,
      session_id: held?.lock.session_id ?? null,
      lock_id: held?.lock.lock_id ?? null,
      acquired_at: held?.lock.acquired_at ?? null,
      time_remaining: held ? held.lock.timeout_seconds - (Date.now() - held.touchedMs) / 1000 : null,
      observer_count: null,
      observer_sessions: null,
      queue_length: this.queues.get(equipment)?.length ?? 0,
    };
  }

  createSession(name: unknown): unknown {
    const id = randomUUID();
    const session = {
      session_id: id,
      client_name: name ?? null,
      client_ip: '127.0.0.1',
      created_at: this.#time.naive(),
      last_activity: this.#time.naive(),
      time_remaining: 600,
      duration_seconds: 0,
      metadata: {},
    };
    this.sessions.set(id, session);
    return session;
  }

  endSession(id: string): Answer {
    let released = 0;
    for (const [equipment, { lock }] of this.exclusive) {
      if (lock.session_id !== id) continue;
      this.#free(equipment);
      released++;
    }
    if (!this.sessions.delete(id) && released === 0) return refusal(404, `Session ${id} not found`);
    return {
      status: 200,
      json: { success: true, message: 'Session ended', session_id: id, locks_released: released },
    };
  }

  #free(equipment: string): void {
    this.exclusive.delete(equipment);
    const next = this.queues.get(equipment)?.shift();
    if (next) this.acquire({ equipment_id: equipment, session_id: next.session_id });
  }
}

export function refusal(status: number, detail: unknown): Answer {
  return { status, json: { detail } };
}
