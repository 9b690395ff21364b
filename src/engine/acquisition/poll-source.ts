import type { PolledQuery } from '../../contract/instrument-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { ColumnInfo } from '../../core/stream-info.ts';
import { parseScpiNumber } from '../../protocol/scpi-number.ts';
import type { Driver, DriverRow } from '../driver/driver.ts';
import type { Session } from '../session/session.ts';

/** A query that is not answered rests so long, and twice as long the next time, up to the most; ms. */
const REST_MS = 5000;
const REST_MOST_MS = 60_000;

interface QueryRest {
  untilMs: number;
  nextMs: number;
}

/**
 * What a round asks: the channels of the driver, and the queries a person added. An answer that is no number is missing; a query that is never answered rests, so
 * that it does not hold up the others.
 */
export class PollSource {
  readonly queries: readonly PolledQuery[];
  readonly #driver: Driver;
  readonly #session: Session;
  readonly #clock: Clock;
  readonly #rests: Map<string, QueryRest>;
  readonly #complain: (error: LabError) => void;
  readonly #measured: (columns: readonly ColumnInfo[], row: DriverRow) => void;

  constructor(parts: {
    driver: Driver;
    session: Session;
    clock: Clock;
    queries: readonly PolledQuery[];
    /** Shown, and the round goes on. */
    complain(error: LabError): void;
    /** Each row, before it becomes samples. */
    measured(columns: readonly ColumnInfo[], row: DriverRow): void;
  }) {
    this.#driver = parts.driver;
    this.#session = parts.session;
    this.#clock = parts.clock;
    this.queries = parts.queries;
    this.#rests = new Map();
    this.#complain = (error) => parts.complain(error);
    this.#measured = (columns, row) => parts.measured(columns, row);
  }

  async poll(signal: AbortSignal, channels?: readonly string[]): Promise<DriverRow> {
    const columns = polledColumns(this.#driver.shape.polled, this.queries);
    const own = channels?.filter((channel) => this.#driver.shape.polled.some((column) => column.channel === channel));
    const isWanted = this.#driver.poll !== undefined && (own === undefined || own.length > 0);
    const base = isWanted ? await this.#driver.poll?.(signal, own) : undefined;
    const row = this.queries.length === 0 && base ? base : await this.#extend(base, columns, signal, channels);
    this.#measured(columns, row);
    return row;
  }

  async #extend(
    base: DriverRow | undefined,
    columns: readonly ColumnInfo[],
    signal: AbortSignal,
    channels: readonly string[] | undefined,
  ): Promise<DriverRow> {
    const values = new Float64Array(columns.length).fill(Number.NaN);
    const first = columns.length - this.queries.length;
    if (base) values.set(base.values);
    let sentNs = base?.sentNs;
    let receivedNs = base?.receivedNs;
    for (const [index, query] of this.queries.entries()) {
      if (channels && !channels.includes(query.name)) continue;
      const answer = await this.#ask(query, signal);
      if (!answer) continue;
      values[first + index] = answer.value;
      sentNs ??= answer.sentNs;
      receivedNs = answer.receivedNs;
    }
    const nowNs = this.#clock.nowNs();
    const active = base?.active && { active: [...base.active, ...this.queries.map(({ name }) => name)] };
    return { values, sentNs: sentNs ?? nowNs, receivedNs: receivedNs ?? nowNs, ...active };
  }

  async #ask(
    { name, query }: PolledQuery,
    signal: AbortSignal,
  ): Promise<{ value: number; sentNs: bigint; receivedNs: bigint } | undefined> {
    const rest = this.#rests.get(name);
    if (rest && this.#clock.monotonicMs() < rest.untilMs) return undefined;
    try {
      const { text, sentNs, receivedNs } = await this.#session.queryTimed(query, { signal, priority: 'poll' });
      this.#rests.delete(name);
      // The first of several values.
      const value = parseScpiNumber(text.split(',')[0] ?? '');
      if (value === undefined) {
        const shown = text.slice(0, 40);
        this.#complain(
          new LabError('protocol.malformed', `${query} answers “${shown}”, which is no number; ${name} is missing.`),
        );
      }
      return { value: value ?? Number.NaN, sentNs, receivedNs };
    } catch (thrown) {
      const error = LabError.from(thrown);
      if (error.code !== 'transport.timeout' && error.code !== 'protocol.malformed') throw error;
      const restMs = Math.min(REST_MOST_MS, rest?.nextMs ?? REST_MS);
      this.#rests.set(name, { untilMs: this.#clock.monotonicMs() + restMs, nextMs: restMs * 2 });
      this.#complain(error);
      return undefined;
    }
  }
}

/** Columns of a round. */
export function polledColumns(polled: readonly ColumnInfo[], queries: readonly PolledQuery[]): ColumnInfo[] {
  return [...polled, ...queries.map(({ name, unit }) => ({ channel: name, unit }))];
}
