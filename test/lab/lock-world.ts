import { LabError } from '../../src/core/errors.ts';
import type { LockState } from '../../src/lab/lab-server.ts';
import { EquipmentLocks } from '../../src/lab/labwire/equipment-locks.ts';
import type { HttpAnswer, HttpRequest } from '../../src/lab/ports.ts';
import { RestClient } from '../../src/lab/rest-client.ts';
import { ManualPorts } from './manual-ports.ts';

interface Asked {
  path: string;
  body: { equipment_id?: string; session_id?: string; force?: boolean };
  settle(answer: HttpAnswer | LabError): void;
  isOver: boolean;
}

/** What becomes of a request: done and answered; refused with a status; done, but its answer is lost; lost before it is done. */
export type Fate = 'done' | number | 'mute' | 'lost';

/** Locks of one server as LabLink's protocol has them, whose answers come when the test says; each request can be broken off like a real one. */
export class LockWorld extends ManualPorts {
  /** Equipment → session. */
  readonly held = new Map<string, string>();
  readonly asked: Asked[] = [];
  /** Requests that said `force`. */
  forced = 0;
  session = 'ours-1';
  readonly told: LockState[] = [];
  readonly notes: string[] = [];
  readonly locks: EquipmentLocks;

  constructor(seed = 1) {
    super(seed);
    const world = this;
    this.locks = new EquipmentLocks({
      rest: new RestClient(this, { base: 'http://lab' }),
      clock: this.clock,
      get session() {
        return world.session;
      },
      name: 'us',
      changed: (lock) => this.told.push(lock),
      note: (_severity, text) => this.notes.push(text),
    });
  }

  override http(request: HttpRequest, signal?: AbortSignal): Promise<HttpAnswer> {
    if (signal?.aborted) return Promise.reject(LabError.from(signal.reason));
    return new Promise((resolve, reject) => {
      const body = request.body === undefined ? {} : (JSON.parse(String(request.body)) as Asked['body']);
      const timer = this.clock.after(request.timeoutMs, () =>
        asked.settle(new LabError('server.timeout', 'No answer.')),
      );
      const onAbort = (): void => asked.settle(LabError.from(signal?.reason));
      const asked: Asked = {
        path: new URL(request.url).pathname,
        body,
        isOver: false,
        settle(answer) {
          if (asked.isOver) return;
          asked.isOver = true;
          timer[Symbol.dispose]();
          signal?.removeEventListener('abort', onAbort);
          if (answer instanceof LabError) reject(answer);
          else resolve(answer);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      if (body.force) this.forced++;
      this.asked.push(asked);
    });
  }

  /** Requests that wait for their answer. */
  get waiting(): Asked[] {
    return this.asked.filter(({ isOver }) => !isOver);
  }

  /** Answers one; what was broken off or timed out is carried out all the same, unless it is lost. */
  give(asked: Asked, fate: Fate = 'done'): void {
    this.asked.splice(this.asked.indexOf(asked), 1);
    const answer =
      typeof fate === 'number' ? answerOf(fate, { detail: 'trouble' }) : fate === 'lost' ? gone() : this.#do(asked);
    asked.settle(fate === 'mute' ? gone() : answer);
  }

  /** Lets what waits be done, and what follows from it. */
  async flow(fate: (path: string) => Fate = () => 'done'): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      const [next] = this.asked;
      if (next) this.give(next, fate(next.path));
      quiet = next ? 0 : quiet + 1;
      await new Promise(setImmediate);
    }
  }

  #do({ path, body: { equipment_id: id = '', session_id: session = '', force } }: Asked): HttpAnswer {
    const holder = this.held.get(id);
    if (path === '/api/locks/all') {
      const all = [...this.held].map(([one, by]) => [one, { session_id: by, holder: `person of ${by}` }]);
      return answerOf(200, { exclusive_locks: Object.fromEntries(all) });
    }
    const isOthers = holder !== undefined && holder !== session;
    if (path === '/api/locks/acquire') {
      if (isOthers) return answerOf(409, { detail: `locked by ${holder}` });
      this.held.set(id, session);
      return answerOf(200, { success: true, status: holder ? 'refreshed' : 'locked' });
    }
    if (isOthers && !force) return answerOf(403, { detail: `owned by ${holder}` });
    this.held.delete(id);
    return answerOf(200, { success: true, status: holder ? 'released' : 'not_locked' });
  }
}

function gone(): LabError {
  return new LabError('server.unreachable', 'The connection broke.');
}

function answerOf(status: number, json: unknown): HttpAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: new TextEncoder().encode(JSON.stringify(json)),
  };
}
