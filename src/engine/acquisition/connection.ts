import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { createDeferred } from '../../core/deferred.ts';
import type { LabError } from '../../core/errors.ts';
import { SessionTotals, type Totals } from '../diagnostics/session-totals.ts';
import type { OutputOff } from '../driver/driver.ts';
import type { Exchange } from '../session/session.ts';
import type { AttachedAt, AttachmentHost } from './attachment-host.ts';
import type { InstrumentLink } from './instrument-link.ts';
import { reconnect, type Stranger } from './reconnect.ts';

const EXCHANGES_KEPT = 1000;
/** Outputs off tries to reach an instrument that is away for so long; ms. */
const REACH_MS = 1300;

/** The connection of an attachment: the one there is, the way to the next, and what all of them did. */
export class Connection implements AsyncDisposable {
  link: InstrumentLink;
  retry: InstrumentState['retry'];
  /** Another unit that answers in its place. */
  stranger: Stranger | undefined;
  readonly #host: AttachmentHost;
  readonly #totals: SessionTotals;
  readonly #exchanges: Exchange[] = [];
  /** Resolves when the next one is open. */
  #opened = createDeferred<void>();

  constructor(link: InstrumentLink, host: AttachmentHost) {
    this.link = link;
    this.#host = host;
    this.#totals = new SessionTotals(host.clock.nowNs());
  }

  /** Counters over all connections. */
  get totals(): Totals {
    return this.#totals.with(this.link.session.stats);
  }

  get isOpen(): boolean {
    return this.link.session.state !== 'closed';
  }

  /** Newest last. */
  exchanges(limit: number): Exchange[] {
    return this.#exchanges.slice(-limit);
  }

  /** Keeps and passes on what goes over the connection there is now. */
  listen(instrument: string): void {
    this.link.session.onExchange((exchange) => {
      this.#exchanges.push(exchange);
      if (this.#exchanges.length > EXCHANGES_KEPT * 1.25)
        this.#exchanges.splice(0, this.#exchanges.length - EXCHANGES_KEPT);
      this.#host.exchanged(instrument, exchange);
    });
  }

  /** Closes what is left of the connection. */
  async close(): Promise<void> {
    this.#totals.add(this.link.session.stats);
    await Promise.resolve(this.link[Symbol.asyncDispose]()).catch(() => undefined);
  }

  /** Opens the next one, for as long as it takes. Throws the signal's reason when aborted. */
  async reopen(attached: AttachedAt, signal: AbortSignal, tried: (error: LabError | undefined) => void): Promise<void> {
    this.link = await reconnect(attached, this.#host, signal, ({ attempt, atNs, error, stranger }) => {
      this.stranger = stranger;
      this.retry = stranger ? undefined : { attempt, atNs };
      tried(error);
    });
    this.stranger = undefined;
    this.retry = undefined;
    this.#opened.resolve();
    this.#opened = createDeferred<void>();
  }

  /** Waits a moment for a connection, and hurries the tries. */
  async reach({ hurry }: AttachedAt): Promise<void> {
    const tooLong = createDeferred<void>();
    const timer = this.#host.clock.after(REACH_MS, tooLong.resolve);
    hurry.now();
    await Promise.race([this.#opened.promise, tooLong.promise]);
    timer[Symbol.dispose]();
  }

  /** What Outputs off says of an instrument that could not be reached. */
  unreached(): OutputOff[] {
    const { controls } = this.link.driver.shape;
    const groups = new Set(controls.flatMap(({ isOutput, group }) => (isOutput ? [group] : [])));
    const reason = this.stranger
      ? 'Another instrument answers in its place. Switch it off by hand.'
      : 'There is no connection to it. Treat it as on, and switch it off by hand.';
    return [...groups].map((group) => ({ group, confirmed: false, reason }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.link[Symbol.asyncDispose]();
  }
}
