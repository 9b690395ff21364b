import type { ServerEquipment, ServerLine, ServerState, ServerStream } from '../../contract/server-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { LabStream } from '../../lab/equipment.ts';
import type { LabServer, LabServerEvent, LockState } from '../../lab/lab-server.ts';
import { AlarmList } from './alarm-list.ts';
import { DropWatch } from './drop-watch.ts';
import { LineList } from './line-list.ts';
import { saidName, saidText } from './said-text.ts';
import type { SavedServer } from './server-file.ts';
import { TrendKeeper } from './server-trend.ts';
import { StatsQuestion } from './stats-question.ts';

export interface BenchServerLimits {
  lines: number;
  alarms: number;
}

const LIMITS: BenchServerLimits = { lines: 100, alarms: 200 };
/** Locks and words of a status that are kept at most. */
const MAX_LOCKS = 1000;
const MAX_WORDS = 20;

export interface BenchServerHost {
  clock: Clock;
  /** Canonical resource of an equipment. */
  resourceOf(equipment: string): string;
  /** Id of the attached instrument there. */
  attachedAt(resource: string): string | null;
  kept: 'keychain' | 'memory';
}

/** A lab server of the bench: what it said lately, and all of it as screens see it. */
export class BenchServer {
  readonly saved: SavedServer;
  /** Undefined while it is being found out what it speaks. */
  lab: LabServer | undefined;
  loginState: ServerState['login']['state'] = 'none';
  /** The token it was opened with: shown and logged nowhere. */
  secret: string | undefined;
  readonly drops = new DropWatch();
  readonly trend = new TrendKeeper();
  /** What it counts of its own sending. */
  readonly stats: StatsQuestion;
  /** Disconnected by the person while there was no client: nothing is tried. */
  isStopped = false;
  /** A login that can be renewed is kept. */
  hasSession = false;
  /** Streams of its attached instruments, by equipment and name. */
  readonly streams = new Map<string, LabStream>();
  readonly #host: BenchServerHost;
  readonly #lines: LineList;
  readonly #alarms: AlarmList;
  readonly #locks = new Map<string, LockState>();
  readonly #nameless = new Set<string>();
  /** Why it could not be opened. */
  #problem: LabError | undefined;
  #leaving = new AbortController();

  constructor(saved: SavedServer, host: BenchServerHost, limits = LIMITS) {
    this.saved = saved;
    this.#host = host;
    this.stats = new StatsQuestion(host.clock, () => this.open);
    this.#lines = new LineList(limits.lines);
    this.#alarms = new AlarmList(limits.alarms);
  }

  get id(): string {
    return this.saved.id;
  }

  /** Throws server.closed while there is no link yet. */
  get open(): LabServer {
    if (this.lab) return this.lab;
    if (this.isStopped)
      throw new LabError(
        'server.closed',
        `${this.saved.label} was disconnected by hand. Nothing was sent. Reconnect it first.`,
      );
    throw (
      this.#problem ??
      new LabError(
        'server.closed',
        `${this.saved.label} is not connected yet. Nothing was sent. Wait, or reconnect it.`,
      )
    );
  }

  /** Aborts, with the reason, when its client is given up for another one. */
  get left(): AbortSignal {
    return this.#leaving.signal;
  }

  /** Gives its client up: what holds it ends with the reason; the caller closes it. What that client alone knew is forgotten. */
  leave(reason: LabError): LabServer | undefined {
    const { lab } = this;
    this.lab = undefined;
    this.#problem = undefined;
    this.#locks.clear();
    const leaving = this.#leaving;
    this.#leaving = new AbortController();
    leaving.abort(reason);
    return lab;
  }

  failed(error: LabError): void {
    this.#problem = error;
    this.line('warning', 'link', error.message);
  }

  /** One line per thing: the same again counts up. */
  line(severity: ServerLine['severity'], topic: string, text: string): void {
    this.#lines.add({ t: String(this.#host.clock.nowNs()), severity, topic, text: this.#said(text) });
  }

  /** As it may be shown: one line, bounded, no secrets. */
  #said(text: string): string {
    return saidText(text, this.secret === undefined ? [] : [this.secret]);
  }

  /** Keeps what an event says; true if it is news of an alarm. */
  take(event: LabServerEvent): boolean {
    switch (event.kind) {
      case 'alarm': {
        const { id, state, severity, equipment, text, atNs } = event;
        const t = String(atNs);
        return this.#alarms.take({ id, state, severity, equipment: saidName(equipment), text: this.#said(text), t });
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
        if (this.#locks.size > MAX_LOCKS) this.#locks.delete(this.#locks.keys().next().value ?? '');
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
      name: saidName(lab?.about.name ?? ''),
      version: saidName(lab?.about.version ?? ''),
      link: this.#link,
      webSocket: saved.webSocket,
      login: {
        user: saved.user,
        state: this.loginState === 'none' && lab && !lab.login ? 'absent' : this.loginState,
        kept: this.secret === undefined && !this.hasSession ? 'memory' : this.#host.kept,
      },
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
      streams: [...this.streams].slice(0, 500).map(([name, stream]) => streamOf(name, stream)),
      equipment: (lab?.equipment ?? []).slice(0, 500).flatMap((one) => this.#equipment(one) ?? []),
      alarms: this.#alarms.all,
      log: this.#lines.all,
    };
  }

  get #link(): ServerState['link'] {
    const { clock } = this.#host;
    const nowNs = clock.nowNs();
    const nowMs = clock.monotonicMs();
    const at = (ms: number): string => String(nowNs + BigInt(Math.round((ms - nowMs) * 1e6)));
    const link = this.lab?.link;
    if (!link) {
      const tried = this.#problem ? ('failed' as const) : ('connecting' as const);
      const word = this.isStopped ? ('disconnected' as const) : tried;
      const reason = this.isStopped
        ? 'Disconnected by hand.'
        : (this.#problem?.message ?? 'It is being found out what it speaks.');
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
    const heartbeats = traffic?.heartbeats;
    return {
      messages: traffic?.messages ?? 0,
      bytesPerS: Math.round(traffic?.bytesPerS ?? 0),
      wireBytes: traffic?.wireBytes ?? 0,
      bytes: traffic?.bytes ?? 0,
      roundTripMs: orNull(traffic?.roundTripMs),
      malformed: traffic?.malformed ?? 0,
      unaccounted: traffic?.unaccounted ?? 0,
      dropped: traffic?.dropped ?? 0,
      heartbeats: heartbeats
        ? { count: heartbeats.count, lastNs: heartbeats.lastNs === undefined ? null : String(heartbeats.lastNs) }
        : null,
    };
  }

  /** Undefined for what has no name it could be attached by. */
  #equipment(one: LabServer['equipment'][number]): ServerEquipment | undefined {
    const resource = this.#resourceOf(one.id);
    if (resource === undefined) return undefined;
    const lock = this.#locks.get(one.id);
    const { maker, model, serial, firmware } = one.identity;
    const status = Object.entries(one.status).slice(0, MAX_WORDS);
    return {
      id: one.id,
      label: saidName(one.label),
      role: one.shape.role,
      identity: {
        maker: saidName(maker),
        model: saidName(model),
        serial: saidName(serial),
        firmware: saidName(firmware),
      },
      resource,
      isConnected: one.isConnected,
      via: [...(one.via ?? [])].slice(0, 16).map(saidName),
      instrument: this.#host.attachedAt(resource),
      status: Object.fromEntries(status.map(([word, value]) => [saidName(word), saidName(value)])),
      lock: lock ? { owner: saidName(lock.owner), isOurs: lock.isOurs, expiresInS: lock.expiresInS ?? null } : null,
    };
  }

  #resourceOf(equipment: string): string | undefined {
    try {
      return this.#host.resourceOf(equipment);
    } catch {
      if (!this.#nameless.has(equipment) && this.#nameless.size < MAX_WORDS) {
        this.#nameless.add(equipment);
        this.line(
          'warning',
          'equipment',
          `It lists equipment by “${equipment.slice(0, 60)}”, which is no name to attach it by.`,
        );
      }
      return undefined;
    }
  }
}

/** JSON has no NaN. */
function orNull(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : value;
}

function featureOf(value: boolean | readonly string[]): boolean | string[] {
  return typeof value === 'boolean' ? value : [...value];
}

/** `name`: equipment and stream. */
function streamOf(name: string, { stats }: LabStream): ServerStream {
  const at = name.lastIndexOf(' ');
  const { source, rateHz, latencyMs, rows, lost, filled, unaccounted } = stats;
  return {
    equipment: name.slice(0, at),
    stream: name.slice(at + 1),
    source,
    rateHz: Math.round(rateHz * 100) / 100,
    latencyMs: orNull(latencyMs),
    rows,
    lost,
    filled,
    unaccounted,
  };
}
