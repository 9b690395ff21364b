import type { ServerAlarm, ServerEquipment, ServerLine, ServerState } from '../../contract/server-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { LabServer, LabServerEvent, LockState } from '../../lab/lab-server.ts';
import type { SavedServer } from './server-file.ts';

export interface BenchServerLimits {
  lines: number;
  alarms: number;
}

const LIMITS: BenchServerLimits = { lines: 100, alarms: 200 };

export interface BenchServerHost {
  clock: Clock;
  /** Canonical resource of an equipment. */
  resourceOf(equipment: string): string;
  /** Id of the attached instrument there. */
  attachedAt(resource: string): string | null;
  kept: 'keychain' | 'memory';
}

const MASKED = /(token|password|authorization)=?[^\s&]*/gi;

/** A lab server of the bench: what it said lately, and all of it as screens see it. */
export class BenchServer {
  readonly saved: SavedServer;
  /** Undefined while it is being found out what it speaks. */
  lab: LabServer | undefined;
  loginState: ServerState['login']['state'] = 'none';
  readonly #host: BenchServerHost;
  readonly #limits: BenchServerLimits;
  #lines: ServerLine[] = [];
  readonly #alarms = new Map<string, ServerAlarm>();
  readonly #locks = new Map<string, LockState>();
  /** Why it could not be opened. */
  #problem: LabError | undefined;

  constructor(saved: SavedServer, host: BenchServerHost, limits = LIMITS) {
    this.saved = saved;
    this.#host = host;
    this.#limits = limits;
  }

  get id(): string {
    return this.saved.id;
  }

  /** Throws server.closed while there is no link yet. */
  get open(): LabServer {
    if (this.lab) return this.lab;
    throw (
      this.#problem ??
      new LabError(
        'server.closed',
        `${this.saved.label} is not connected yet. Nothing was sent. Wait, or reconnect it.`,
      )
    );
  }

  failed(error: LabError): void {
    this.#problem = error;
    this.line('warning', 'link', error.message);
  }

  /** One line per thing: the same again counts up. */
  line(severity: ServerLine['severity'], topic: string, text: string): void {
    const t = String(this.#host.clock.nowNs());
    const shown = text.replace(MASKED, (match) => `${match.split('=')[0]}=…`).slice(0, 500);
    const last = this.#lines.at(-1);
    if (last && last.text === shown && last.topic === topic) {
      this.#lines = [...this.#lines.slice(0, -1), { ...last, t, count: last.count + 1 }];
      return;
    }
    this.#lines = [...this.#lines, { t, severity, topic, text: shown, count: 1 }].slice(-this.#limits.lines);
  }

  /** Keeps what an event says; true if it is news of an alarm. */
  take(event: LabServerEvent): boolean {
    switch (event.kind) {
      case 'alarm': {
        const before = this.#alarms.get(event.id);
        const { kind: _kind, atNs, ...alarm } = event;
        this.#alarms.delete(event.id);
        this.#alarms.set(event.id, { ...alarm, t: String(atNs) });
        for (const id of this.#alarms.keys()) {
          if (this.#alarms.size <= this.#limits.alarms) break;
          this.#alarms.delete(id);
        }
        return before?.state !== event.state;
      }
      case 'note':
        this.line(event.severity, event.topic, event.text);
        break;
      case 'loss':
        this.line(
          event.isUnaccounted ? 'error' : 'warning',
          'loss',
          `${event.stream}: ${event.lost} rows, ${event.reason}`,
        );
        break;
      case 'error':
        this.line('warning', 'error', event.error.message);
        if (event.error.code === 'server.unauthorized') this.loginState = 'needed';
        if (event.error.code === 'server.mfa-required') this.loginState = 'mfa';
        break;
      case 'lock':
        this.#locks.set(event.lock.equipment, event.lock);
        break;
      case 'link':
      case 'equipment':
      case 'about':
        break;
    }
    return false;
  }

  get state(): ServerState {
    const { saved, lab } = this;
    return {
      id: saved.id,
      url: saved.url,
      label: saved.label,
      dialect: lab?.dialect ?? saved.dialect,
      name: lab?.about.name ?? '',
      version: lab?.about.version ?? '',
      link: this.#link,
      webSocket: saved.webSocket,
      login: { user: saved.user, state: this.loginState, kept: this.#host.kept },
      features: lab
        ? Object.fromEntries(Object.entries(lab.features).map(([name, value]) => [name, featureOf(value)]))
        : {},
      findings: [...(lab?.about.findings ?? [])].slice(0, 100),
      clock: {
        offsetS: orNull(lab?.clock.offsetS),
        uncertaintyS: orNull(lab?.clock.uncertaintyS),
        base: lab?.clock.base ?? 'none',
        method: lab?.clock.method ?? 'none',
      },
      traffic: this.#traffic,
      equipment: (lab?.equipment ?? []).slice(0, 500).map((one) => this.#equipment(one)),
      alarms: [...this.#alarms.values()],
      log: this.#lines,
    };
  }

  get #link(): ServerState['link'] {
    const { clock } = this.#host;
    const nowNs = clock.nowNs();
    const nowMs = clock.monotonicMs();
    const at = (ms: number): string => String(nowNs + BigInt(Math.round((ms - nowMs) * 1e6)));
    const link = this.lab?.link;
    if (!link) {
      const word = this.#problem ? ('failed' as const) : ('connecting' as const);
      const reason = this.#problem?.message ?? 'It is being found out what it speaks.';
      return {
        word,
        attempt: 0,
        maxAttempts: 0,
        retryNs: null,
        streams: 0,
        polled: 0,
        pollS: 0,
        reason,
        error: this.#problem?.toJSON() ?? null,
        sinceNs: String(nowNs),
      };
    }
    const { word, attempt, maxAttempts, streams, polled, pollS, reason, nextTryMs, sinceMs, error } = link;
    return {
      word,
      attempt,
      maxAttempts,
      streams,
      polled,
      pollS,
      reason,
      retryNs: nextTryMs === undefined ? null : at(nextTryMs),
      sinceNs: at(sinceMs),
      error: error ?? null,
    };
  }

  get #traffic(): ServerState['traffic'] {
    const traffic = this.lab?.traffic;
    return {
      messages: traffic?.messages ?? 0,
      bytesPerS: Math.round(traffic?.bytesPerS ?? 0),
      wireBytes: traffic?.wireBytes ?? 0,
      bytes: traffic?.bytes ?? 0,
      roundTripMs: orNull(traffic?.roundTripMs),
      malformed: traffic?.malformed ?? 0,
      unaccounted: traffic?.unaccounted ?? 0,
      dropped: traffic?.dropped ?? 0,
    };
  }

  #equipment(one: LabServer['equipment'][number]): ServerEquipment {
    const resource = this.#host.resourceOf(one.id);
    const lock = this.#locks.get(one.id);
    return {
      id: one.id,
      label: one.label,
      role: one.shape.role,
      identity: { ...one.identity },
      resource,
      isConnected: one.isConnected,
      instrument: this.#host.attachedAt(resource),
      status: { ...one.status },
      lock: lock ? { owner: lock.owner, isOurs: lock.isOurs, expiresInS: lock.expiresInS ?? null } : null,
    };
  }
}

/** JSON has no NaN. */
function orNull(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : value;
}

function featureOf(value: boolean | readonly string[]): boolean | string[] {
  return typeof value === 'boolean' ? value : [...value];
}
