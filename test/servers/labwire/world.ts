import type { Clock } from '../../../src/core/clock.ts';
import { Bench, type CommandAnswer } from './bench.ts';
import type { Connection } from './connection.ts';
import { ProducedStream, type StreamPlan } from './produced-stream.ts';
import { SessionBook } from './session.ts';

export interface LabwireRules {
  helloMs: number;
  heartbeatMs: number;
  tokenMs: number;
  pumpMs: number;
  ttlS: number;
  replayRows: number;
  replayS: number;
  windowBytes: { min: number; max: number };
  maxFrameRows: number;
}

/** Faults and moods, changed at any time. */
export interface LabwireKnobs {
  refuseHello: { code: number; reason: string } | undefined;
  /** HTTP status instead of a socket. */
  refuseUpgrade: { status: number; headers?: Record<string, string> } | undefined;
  isTextOnly: boolean;
  isWithoutResume: boolean;
  isWithoutHistory: boolean;
  /** `get_stats` is refused. */
  isWithoutStats: boolean;
  isWithoutRest: boolean;
  /** REST takes requests and never answers. */
  isRestHanging: boolean;
  /** The socket stands and says nothing: no rows, no pongs, no heartbeats. */
  isMute: boolean;
  /** Life of a token of a login; s. */
  tokenS: number;
  commandMs: number;
  isDeafToCommands: boolean;
  /** Of the emergency stop alone. */
  isDeafToStop: boolean;
  /** The next command is carried out, then the connection breaks before its answer. */
  isCutAfterCommand: boolean;
  /** Sees everything that is sent. */
  tap: ((data: string | Uint8Array) => void) | undefined;
}

export interface LabwireUser {
  user: string;
  role: string;
}

/** The state of one server, over any number of connections. */
export class LabwireWorld {
  readonly clock: Clock;
  readonly rules: LabwireRules;
  readonly bench = new Bench();
  readonly knobs: LabwireKnobs = {
    refuseHello: undefined,
    refuseUpgrade: undefined,
    isTextOnly: false,
    isWithoutResume: false,
    isWithoutHistory: false,
    isWithoutStats: false,
    isWithoutRest: false,
    isRestHanging: false,
    isMute: false,
    tokenS: 900,
    commandMs: 0,
    isDeafToCommands: false,
    isDeafToStop: false,
    isCutAfterCommand: false,
    tap: undefined,
  };
  readonly book: SessionBook;
  readonly connections = new Set<Connection>();
  readonly streams = new Map<string, ProducedStream>();
  /** Streams of epochs that are over: what they made is still the truth. */
  readonly past: ProducedStream[] = [];
  /** Every request heard, newest last. */
  readonly heard: Record<string, unknown>[] = [];
  /** Answers of commands by their `idem`. */
  readonly carried = new Map<string, CommandAnswer>();
  /** Valid tokens; empty: anybody is `anonymous`. */
  readonly users = new Map<string, LabwireUser>();
  readonly anonymousRole: string;
  instance = 1;
  /** The wall clock of the server beside ours; s. */
  offsetS = 0;
  #epoch = 0;
  #events = 0;

  constructor(clock: Clock, plans: readonly StreamPlan[], rules: LabwireRules, anonymousRole: string) {
    this.clock = clock;
    this.rules = rules;
    this.anonymousRole = anonymousRole;
    this.book = new SessionBook(clock, rules.ttlS);
    for (const plan of plans) {
      this.#begin(plan);
      if (!this.bench.controls.has(plan.equipment)) this.bench.add(plan.equipment);
    }
  }

  nowUs(): number {
    return Number(this.clock.nowNs() / 1000n) + this.offsetS * 1e6;
  }

  /** Another process: new instance, new numbering, nothing of the sessions known. */
  renew(): void {
    this.instance++;
    this.book.forget();
    this.carried.clear();
    for (const stream of [...this.streams.values()]) {
      this.past.push(stream);
      this.#begin(stream.plan);
    }
  }

  /** One stream begins its numbering anew while it runs. */
  resetStream(key: string): ProducedStream | undefined {
    const stream = this.streams.get(key);
    if (!stream) return undefined;
    this.past.push(stream);
    this.#begin(stream.plan);
    return this.streams.get(key);
  }

  /** The stream as it was or is in an epoch. */
  streamOf(key: string, epoch: unknown): ProducedStream | undefined {
    const now = this.streams.get(key);
    return now?.epoch === epoch ? now : this.past.find((stream) => stream.key === key && stream.epoch === epoch);
  }

  /** What of a range is kept, and what is not. Nothing: `to` < `from`. */
  kept(
    stream: ProducedStream,
    epoch: number,
    from: number,
    to: number,
  ): {
    from: number;
    to: number;
    missing: { from: number; to: number; reason: string }[];
  } {
    if (epoch !== stream.epoch) return { from, to: from - 1, missing: [{ from, to, reason: 'another epoch' }] };
    const first = Math.max(from, stream.first);
    const last = Math.min(to, stream.next - 1);
    const missing = first > from ? [{ from, to: Math.min(to, first - 1), reason: 'let go' }] : [];
    return { from: first, to: last, missing };
  }

  userOf(token: unknown): LabwireUser | undefined {
    if (this.users.size === 0) return { user: '', role: this.anonymousRole };
    return typeof token === 'string' ? this.users.get(token) : undefined;
  }

  maySee(role: string, channel: string): boolean {
    return role !== 'anonymous' || channel === 'metrics' || channel === 'status';
  }

  mayControl(role: string): boolean {
    return role === 'admin' || role === 'developer';
  }

  /** An event of a channel to everybody who asked for it. */
  raise(channel: string, event_type: string, data: Record<string, unknown>): string {
    const id = `event-${++this.#events}`;
    const message = {
      type: 'event',
      channel,
      event_type,
      id,
      ep: this.instance,
      seq: this.#events,
      t: this.nowUs(),
      data,
    };
    for (const session of this.book.sessions) {
      if (!session.channels.has(channel)) continue;
      const event = { id, message };
      session.events.push(event);
      for (const connection of this.connections) if (connection.session === session) connection.event(event);
    }
    return id;
  }

  /** Passes over the next rows of a stream on every connection without a word. */
  loseSilently(key: string, rows: number): void {
    for (const { outbox } of this.connections) {
      const cursor = outbox.cursors.get(key);
      if (cursor) cursor.silent += rows;
    }
  }

  capabilities(): Record<string, unknown> {
    const { rules, knobs } = this;
    return {
      type: 'capabilities',
      protocol: { name: 'labwire', versions: [1], dialect: 'native' },
      server: { id: 'test', name: 'Test lab', version: '1.0.0', instance: `instance-${this.instance}` },
      clock: { id: 'wall', t: this.nowUs() },
      features: {
        compression: {
          enabled: true,
          types: ['none', 'deflate'],
          permessage_deflate: { window_bits: 12, mem_level: 5, context_takeover: true },
          threshold: 1024,
          codecs: ['raw', 'i16d-rice', 'deflate'],
        },
        priorities: { enabled: true, levels: ['LOW', 'NORMAL', 'HIGH', 'CRITICAL', 'BULK'] },
        recording: { enabled: false, formats: [] },
        backpressure: {
          enabled: true,
          max_queue_size: 10_000,
          rate_limit: 1000,
          watermarks: [0.2, 0.8, 0.95],
          ack_window: { ...rules.windowBytes, target_ms: 100 },
        },
        resume: {
          enabled: !knobs.isWithoutResume,
          ttl: rules.ttlS,
          replay_max_s: rules.replayS,
          replay_max_msgs: rules.replayRows,
        },
        history: { enabled: !knobs.isWithoutHistory },
        channels: ['alarms', 'status', 'control', 'logs', 'metrics'].map((name) => ({
          name,
          can_subscribe: this.maySee(this.anonymousRole, name) || this.users.size > 0,
          can_broadcast: false,
        })),
        heartbeat: { interval: 10, timeout: 25 },
        limits: { max_message: 1_048_576, max_streams: 100, max_inflate_ratio: 200 },
      },
    };
  }

  #begin(plan: StreamPlan): void {
    // µs of the clock, and never the same twice.
    this.#epoch = Math.max(this.#epoch + 1, Math.floor(this.nowUs()));
    const stream = new ProducedStream(plan, this.clock, this.#epoch, () => this.offsetS);
    this.streams.set(stream.key, stream);
  }
}
