import type { PolledQuery } from '../../contract/instrument-schema.ts';
import { delay } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { ColumnInfo } from '../../core/stream-info.ts';
import type { DriverRow } from '../driver/driver.ts';
import { asksOnly } from '../safety/judge-text.ts';
import type { AttachmentParts } from './attachment-parts.ts';
import { DeviceStreams } from './device-streams.ts';
import { PollLoop } from './poll-loop.ts';
import { PollSource, polledColumns } from './poll-source.ts';

/** Queries that a person added are polled up to so fast. */
const MAX_QUERY_HZ = 20;
/** An instrument of which nothing is measured is looked at that often; ms. */
const IDLE_MS = 1000;

export interface MeasuringHost {
  /** One bad round. */
  failed(error: LabError): void;
  succeeded(): void;
  /** Shown, and the round goes on. */
  complain(error: LabError): void;
  /** Rows of a stream came. */
  flows(): void;
  /** Between rounds. */
  between(signal: AbortSignal): Promise<void>;
  /** Each round, before it becomes samples. */
  measured(columns: readonly ColumnInfo[], row: DriverRow): void;
}

/** What an instrument measures: its streams, its polled channels, and the queries a person added to them. */
export class Measuring implements Disposable {
  readonly streams: DeviceStreams;
  readonly #parts: AttachmentParts;
  readonly #host: MeasuringHost;
  #queries: readonly PolledQuery[];
  #polls: PollLoop | undefined;

  constructor(parts: AttachmentParts, host: MeasuringHost, queries: readonly PolledQuery[]) {
    this.#parts = parts;
    this.#host = host;
    this.#queries = this.#pollable(queries);
    const { clock, registry, sink } = parts.host;
    this.streams = new DeviceStreams(parts.id, {
      clock,
      registry,
      sink,
      carries: ({ key }, columns, rateHz) => parts.host.declareChannels(parts, key, columns, rateHz),
      came: () => host.flows(),
    });
  }

  get queries(): readonly PolledQuery[] {
    return this.#queries;
  }

  /** Names of the polled channels. */
  get channels(): string[] {
    return this.#columns.map(({ channel }) => channel);
  }

  get rateAskedHz(): number {
    if (this.streams.isOpen) return this.streams.rateHz;
    return Math.max(0, ...this.channels.map((channel) => this.#rateOf(channel)));
  }

  /** Whether it will give channels by itself. */
  get isMeasuring(): boolean {
    return this.#polls !== undefined || this.#parts.link.driver.stream !== undefined;
  }

  /** Makes the poll loop of what there is to poll. */
  plan(): void {
    const { host, link, id } = this.#parts;
    this.#polls?.[Symbol.dispose]();
    this.#polls = undefined;
    if (this.#columns.length === 0) return;
    this.#polls = new PollLoop(
      {
        registry: host.registry,
        sink: host.sink,
        clock: host.clock,
        instrument: id,
        maxPollHz: Math.max(link.driver.shape.maxPollHz, this.#queries.length > 0 ? MAX_QUERY_HZ : 0),
        rateOf: (channel) => this.#rateOf(channel),
        carries: (stream, columns, rateHz) => host.declareChannels(this.#parts, stream, columns, rateHz),
        dropped: (channels) => host.dropChannels(this.#parts, channels),
        failed: (error) => this.#host.failed(error),
        succeeded: () => this.#host.succeeded(),
        between: (signal) => this.#host.between(signal),
      },
      this.#columns,
    );
  }

  /** Rates of its channels have changed. */
  replan(): void {
    this.#polls?.replan();
  }

  /** Rows "poll this query", in place of those before. Throws `call.invalid` for what is no question, or has the name of a channel. */
  setQueries(queries: readonly PolledQuery[]): void {
    const [odd] = this.#oddOf(queries);
    if (odd) {
      throw new LabError(
        'call.invalid',
        `“${odd.query}” (${odd.name}) cannot be polled: it must be a question that changes nothing, and its name that of no other channel. Nothing was changed.`,
      );
    }
    const gone = this.#queries.filter(({ name }) => !queries.some((query) => query.name === name));
    this.#queries = queries;
    this.plan();
    this.#parts.host.dropChannels(
      this.#parts,
      gone.map(({ name }) => name),
    );
  }

  /** Measures until the signal aborts (resolves) or the wire ends (throws `transport.closed` and the like). */
  async run(signal: AbortSignal): Promise<void> {
    const { driver, session } = this.#parts.link;
    const tasks: Promise<void>[] = [];
    if (driver.stream) tasks.push(driver.stream(this.streams.outlet, signal));
    if (this.#polls) tasks.push(this.#polls.run(this.#source(), signal));
    // While nothing is polled nobody else looks at its status.
    else if (driver.isFreeWhileStreaming) tasks.push(this.#idle(signal));
    if (tasks.length === 0) tasks.push(this.#idle(signal));
    const ended = session.closed.then(() => {
      if (!signal.aborted)
        throw new LabError(
          'transport.closed',
          `The connection to ${this.#parts.label} ended. Its data pause; Labwire reconnects by itself.`,
        );
    });
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    try {
      await Promise.race([...tasks, ended, stopped]);
    } finally {
      await Promise.allSettled(tasks.map((task) => Promise.race([task, session.closed])));
    }
  }

  /** The wire is away; what comes after is marked. */
  pause(reason: string): void {
    this.streams.end(reason);
    this.#polls?.markGap(reason);
  }

  [Symbol.dispose](): void {
    this.#polls?.[Symbol.dispose]();
    this.streams[Symbol.dispose]();
  }

  /** Nothing is measured: only its status is looked at. */
  async #idle(signal: AbortSignal): Promise<void> {
    const { host } = this.#parts;
    while (!signal.aborted) {
      try {
        await delay(host.clock, IDLE_MS, signal);
        await this.#host.between(signal);
      } catch (thrown) {
        const error = LabError.from(thrown);
        // The end of the wire is told by the session itself.
        if (signal.aborted || this.#parts.link.session.state === 'closed') return;
        this.#host.complain(error);
      }
    }
  }

  /** Those that must not be polled: a text that may set something, a name that is taken. */
  #oddOf(queries: readonly PolledQuery[]): PolledQuery[] {
    const taken = this.#parts.link.driver.shape.polled.map(({ channel }) => channel);
    return queries.filter(({ name, query }, index) => {
      const isTwice = taken.includes(name) || queries.findIndex((other) => other.name === name) !== index;
      return isTwice || !asksOnly(query);
    });
  }

  /** Of a bench file, which anybody may have written: what must not be polled is said and left out. */
  #pollable(queries: readonly PolledQuery[]): PolledQuery[] {
    const odd = this.#oddOf(queries);
    const { host, id, label } = this.#parts;
    for (const { name, query } of odd) {
      host.event({
        kind: 'status',
        severity: 'warning',
        instrument: id,
        text: `${label}: “${query}” of the bench file (${name}) is not polled: it is no question that changes nothing, or its name is that of another channel.`,
      });
    }
    return queries.filter((one) => !odd.includes(one));
  }

  get #columns(): ColumnInfo[] {
    return polledColumns(this.#parts.link.driver.shape.polled, this.#queries);
  }

  #rateOf(channel: string): number {
    const { host, id, link } = this.#parts;
    return Math.max(host.rateOf(id, channel) ?? link.driver.shape.defaultPollHz, host.wantedHz(id, channel));
  }

  #source(): PollSource {
    const { link, host } = this.#parts;
    return new PollSource({
      driver: link.driver,
      session: link.session,
      clock: host.clock,
      queries: this.#queries,
      complain: (error) => this.#host.complain(error),
      measured: (columns, row) => this.#host.measured(columns, row),
    });
  }
}
