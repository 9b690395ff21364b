import type { CallParsed } from '../../../contract/calls.ts';
import type { MessageSession } from '../../../contract/recording-schema.ts';
import type { Clock } from '../../../core/clock.ts';
import { LabError } from '../../../core/errors.ts';
import type { StreamInfo } from '../../../core/stream-info.ts';
import { lastRowsOut } from '../../acquisition/last-rows.ts';
import type { SampleFan } from '../../acquisition/sample-fan.ts';
import type { EventLog } from '../../state/event-log.ts';
import type { StateBoard } from '../../state/state-board.ts';
import type { Disk } from '../disk.ts';
import type { Message } from './message-format.ts';
import { type MessageLog, openMessageLog } from './message-log.ts';
import { eventMessage, messagesOf } from './sample-messages.ts';

export interface SessionDeskParts {
  clock: Clock;
  fan: SampleFan;
  events: EventLog;
  board: StateBoard;
  version: string;
  /** Keeps the system awake while sessions run. */
  blockSleep?: ((on: boolean) => void) | undefined;
  /** Sessions at once; one more is refused with `call.limit`. Default 16. */
  maxSessions?: number;
  disk?: Disk | undefined;
}

interface Session {
  log: MessageLog;
  taps: Disposable[];
  stopping?: Promise<MessageSession>;
}

/** Numbers of running sessions go to the screens that often; ms. */
const SHOW_MS = 1000;

/**
 * Sessions in the formats of messages, several at once, beside the recording of samples. Each takes what is measured and what happens as messages; who else has
 * messages (a server that shares this bench) writes them by `write`.
 */
export class SessionDesk implements AsyncDisposable {
  readonly #parts: SessionDeskParts;
  readonly #sessions = new Map<string, Session>();
  /** Being opened: the name is taken already. */
  readonly #opening = new Set<string>();
  #timer: Disposable | undefined;

  constructor(parts: SessionDeskParts) {
    this.#parts = parts;
  }

  get list(): MessageSession[] {
    return [...this.#sessions.values()].map(({ log }) => log.stats);
  }

  /** Throws call.invalid, call.limit, recording.session-known, recording.denied, recording.disk-full, recording.failed. */
  async start({ session, folder, options, about }: CallParsed<'session.start'>): Promise<MessageSession> {
    const { maxSessions = 16, clock, board, version, disk } = this.#parts;
    const format = options?.format ?? 'lablink-jsonl';
    if (format === 'labwire') {
      throw new LabError(
        'call.invalid',
        'A session holds messages. Choose one of the lablink formats, or record samples with recording.start.',
      );
    }
    if (this.#sessions.has(session) || this.#opening.has(session)) {
      throw new LabError(
        'recording.session-known',
        `The session “${session}” is being recorded already and goes on. Stop it, or give another name.`,
        { session },
      );
    }
    if (this.#sessions.size + this.#opening.size >= maxSessions) {
      throw new LabError('call.limit', `${maxSessions} sessions are being recorded already. Stop one first.`);
    }
    this.#opening.add(session);
    try {
      const bench = { application: `labwire ${version}`, bench: board.state.bench.name };
      const log = await openMessageLog({
        folder: folder ?? board.state.settings.recordingsFolder,
        session,
        format,
        clock,
        disk,
        gzip: options?.gzip,
        timestamps: options?.timestamps,
        rotateBytes: options?.rotateBytes,
        reserveBytes: board.state.settings.diskReserveBytes,
        about: options?.metadata === false ? undefined : { ...bench, ...about },
      });
      this.#sessions.set(session, { log, taps: this.#tap(log) });
    } finally {
      this.#opening.delete(session);
    }
    this.#show();
    this.#tick();
    return this.stats(session);
  }

  /** Throws recording.session-unknown. */
  async stop(session: string): Promise<MessageSession> {
    const found = this.#find(session);
    found.stopping ??= this.#end(session, found);
    return await found.stopping;
  }

  async #end(session: string, { log, taps }: Session): Promise<MessageSession> {
    // One that ended by itself hears nothing any more.
    if (taps.length > 0) await lastRowsOut(this.#parts.clock);
    for (const tap of taps.splice(0)) tap[Symbol.dispose]();
    const stats = await log.stop();
    this.#sessions.delete(session);
    this.#show();
    return stats;
  }

  /** Throws recording.session-unknown. */
  stats(session: string): MessageSession {
    return this.#find(session).log.stats;
  }

  /** A message that is neither sample nor event of this bench. Throws recording.session-unknown. */
  write(session: string, message: Message): boolean {
    return this.#find(session).log.write(message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    await Promise.all([...this.#sessions.keys()].map((session) => this.stop(session).catch(() => undefined)));
    this.#timer?.[Symbol.dispose]();
  }

  #find(session: string): Session {
    const known = this.#sessions.get(session);
    if (known) return known;
    const names = [...this.#sessions.keys()].map((name) => `“${name}”`).join(', ') || 'none';
    throw new LabError(
      'recording.session-unknown',
      `No session “${session}” is being recorded. Running now: ${names}.`,
      { session },
    );
  }

  #tap(log: MessageLog): Disposable[] {
    const streams = new Map<number, StreamInfo>();
    const write = (message: Message): void => {
      if (log.write(message)) return;
      const { error } = log.stats;
      if (error) this.#ended(log);
    };
    const samples = this.#parts.fan.add({
      streamOpened: (info) => void streams.set(info.id, info),
      batch(batch) {
        const info = streams.get(batch.stream);
        if (info) for (const message of messagesOf(batch, info)) write(message);
      },
      gap(gap) {
        const info = streams.get(gap.stream);
        if (!info) return;
        const { seq, lost, reason } = gap;
        write({ type: 'gap', equipment_id: info.instrument, stream: info.key, seq, lost, reason });
      },
      streamClosed: (stream) => void streams.delete(stream),
    });
    return [samples, this.#parts.events.onEvent((event) => write(eventMessage(event)))];
  }

  /** It ended by itself: said once; it stays in the list until it is stopped. */
  #ended(log: MessageLog): void {
    const found = [...this.#sessions.values()].find((session) => session.log === log);
    if (!found || found.taps.length === 0) return;
    for (const tap of found.taps.splice(0)) tap[Symbol.dispose]();
    const { session, error } = log.stats;
    this.#parts.events.add({
      kind: 'stop',
      severity: 'critical',
      text: `The session “${session}” ended by itself: ${error?.message ?? ''}`,
      data: { session, code: error?.code },
    });
    this.#show();
  }

  #tick(): void {
    this.#timer?.[Symbol.dispose]();
    if (this.#sessions.size === 0) return;
    this.#timer = this.#parts.clock.after(SHOW_MS, () => {
      for (const { log } of this.#sessions.values()) if (log.stats.error) this.#ended(log);
      this.#show();
      this.#tick();
    });
  }

  #show(): void {
    this.#parts.blockSleep?.(this.list.some(({ error }) => error === null));
    this.#parts.board.publish('session.changed', { sessions: this.list });
  }
}
