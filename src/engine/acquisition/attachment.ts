import type { AttachOptions } from '../../contract/discovery-schema.ts';
import type {
  CommandHelp,
  InstrumentState,
  InstrumentStateWord,
  PolledQuery,
} from '../../contract/instrument-schema.ts';
import { createDeferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import type { ControlValue, Identity } from '../../core/instrument.ts';
import { ErrorHistory } from '../diagnostics/error-history.ts';
import type { OutputOff, Screenshot } from '../driver/driver.ts';
import type { Exchange } from '../session/session.ts';
import type { AttachmentHost } from './attachment-host.ts';
import type { AttachmentParts } from './attachment-parts.ts';
import { type AttachmentRecord, instrumentState } from './attachment-state.ts';
import { Connection } from './connection.ts';
import { Hurry } from './hurry.ts';
import type { InstrumentAction } from './instrument-acts.ts';
import type { ConsoleReply } from './instrument-console.ts';
import { instrumentId } from './instrument-id.ts';
import type { InstrumentLink } from './instrument-link.ts';
import { InstrumentOrders } from './instrument-orders.ts';
import { InstrumentPanel } from './instrument-panel.ts';
import { Measuring } from './measuring.ts';
import type { OrderedBy } from './ordered-by.ts';
import type { Stranger } from './reconnect.ts';
import { SegmentStream } from './segment-stream.ts';
import { StatusEvents } from './status-events.ts';
import { StatusWatch } from './status-watch.ts';

/** Longest that a detach waits for the instrument to take `local`. */
const HAND_BACK_MS = 1500;
/** Longest that `ready` waits for channels. */
const READY_MS = 3000;
/** Bad rounds in a row before the card says `silent`. */
const SILENT_AFTER = 3;
/**
 * One attached instrument, from attach to detach, over any number of connections.
 *
 *     (attach) ─▶ live ⇄ silent ──wire ended──▶ reconnecting ──same unit answers──▶ live
 *                                                 │  ▲ back-off 0.5 s … 30 s
 *                                                 │  └── refused, silent, on no other way either
 *                                                 └── another unit answers ──▶ failed (a stranger) ──same unit answers──▶ live
 *
 * Reconnecting changes no output: it only reads. Detach ends every state.
 */
export class Attachment implements AsyncDisposable {
  readonly id: string;
  readonly identity: Identity;
  /** Where it was attached. */
  readonly home: string;
  readonly options: AttachOptions;
  label: string;
  /**
   * Resolves when its channels are known: with the first row, or when there will be none soon (nothing to measure, a first round
   * that failed, three seconds of nothing). Never rejects.
   */
  readonly ready: Promise<void>;
  /** The next try to reconnect is made at once. */
  readonly hurry = new Hurry();
  #tellReady: () => void = () => undefined;
  readonly #host: AttachmentHost;
  readonly #stop = new AbortController();
  readonly #parts: AttachmentParts;
  readonly #orders: InstrumentOrders;
  readonly #watch: StatusWatch;
  readonly #measuring: Measuring;
  readonly #errors: ErrorHistory;
  readonly #connection: Connection;
  #segments: SegmentStream | undefined;
  #state: InstrumentStateWord = 'live';
  #lastError: LabError | undefined;
  #bad = 0;
  #rates = { rateHz: 0, lost: 0 };
  /** Measuring begins anew. */
  #again = new AbortController();
  #running: Promise<void> | undefined;
  #disposed: Promise<void> | undefined;

  /** Takes over the link; `start` begins to measure. */
  constructor(
    link: InstrumentLink,
    label: string,
    host: AttachmentHost,
    options: AttachOptions = {},
    queries: readonly PolledQuery[] = [],
  ) {
    this.options = options;
    this.ready = new Promise((resolve) => {
      this.#tellReady = resolve;
    });
    // Who waits for the channels of a new instrument hears of them through the same door.
    this.#host = {
      ...host,
      declareChannels: (attached, stream, columns, rateHz) => {
        host.declareChannels(attached, stream, columns, rateHz);
        this.#tellReady();
      },
    };
    this.identity = link.identity;
    this.home = link.session.resource;
    this.id = instrumentId(link.identity, this.home);
    this.label = label;
    this.#connection = new Connection(link, this.#host);
    this.#errors = new ErrorHistory(host.clock);
    this.#parts = this.#share();
    this.#watch = new StatusWatch(this.#parts);
    this.#orders = new InstrumentOrders(this.#parts, {
      sent: (text, isCommand) => this.#watch.sent(text, isCommand),
      sawStatusByte: (byte) => this.#watch.sawStatusByte(byte),
    });
    this.#measuring = new Measuring(
      this.#parts,
      {
        failed: (error) => this.#failed(error),
        succeeded: () => this.#succeeded(),
        complain: (error) => {
          this.#lastError = error;
        },
        flows: () => {
          if (this.#state !== 'live') this.#succeeded();
        },
        between: (signal) => this.#watch.look(signal),
        measured: (columns, { values }) => {
          for (const [index, { channel }] of columns.entries()) {
            this.#parts.status.value(channel, values[index] ?? Number.NaN);
          }
          host.safety.measured(this.#orders.target, values);
        },
      },
      queries,
    );
  }

  /** Where it is; after a reconnect perhaps another way than where it was attached. */
  get resource(): string {
    return this.#link.session.resource;
  }

  /** Whether it has a connection, not only the wish for one. */
  get isConnected(): boolean {
    return (this.#state === 'live' || this.#state === 'silent') && this.#connection.isOpen;
  }

  /** The other unit that answers in its place. */
  get stranger(): Stranger | undefined {
    return this.#connection.stranger;
  }

  get shape(): InstrumentLink['driver']['shape'] {
    return this.#link.driver.shape;
  }

  /** Names of its polled channels. */
  get channels(): string[] {
    return this.#measuring.channels;
  }

  /** Rows "poll this query". */
  get queries(): readonly PolledQuery[] {
    return this.#measuring.queries;
  }

  /** Commands of its dialect. */
  get help(): CommandHelp[] {
    const { help, shape } = this.#link.driver;
    return help ? [...help] : shape.commands.map((header) => ({ header, help: '', parameters: '' }));
  }

  /** Counters of all its connections, its errors, and how it is. */
  get record(): AttachmentRecord {
    return {
      nowNs: this.#host.clock.nowNs(),
      totals: this.#connection.totals,
      errors: this.#errors.list,
      state: this.#state,
      rateAskedHz: this.#measuring.rateAskedHz,
      rateGotHz: this.#rates.rateHz,
      lost: this.#rates.lost,
      malformed: this.#measuring.streams.malformed,
      lastError: this.#lastError,
    };
  }

  get state(): InstrumentState {
    return instrumentState({
      parts: this.#parts,
      identity: this.identity,
      options: this.options,
      measuring: this.#measuring,
      orders: this.#orders,
      record: this.record,
      retry: this.#connection.retry,
      stranger: this.stranger,
    });
  }

  start(): void {
    this.#measuring.plan();
    if (this.shape.waveforms.length > 0) this.#host.declareWaveforms(this, this.shape.waveforms);
    if (!this.#measuring.isMeasuring) this.#tellReady();
    const patience = this.#host.clock.after(READY_MS, () => this.#tellReady());
    void this.ready.then(() => patience[Symbol.dispose]());
    this.#listen();
    this.#running = this.#run();
  }

  /** Rates of its channels have changed. */
  replan(): void {
    this.#measuring.replan();
  }

  /** As `Measuring.setQueries`. */
  setQueries(queries: readonly PolledQuery[]): void {
    this.#measuring.setQueries(queries);
    this.#again.abort();
    this.#host.changed(this);
  }

  /** As `InstrumentOrders.setControl`. */
  setControl(control: string, value: ControlValue, by: OrderedBy): Promise<Record<string, ControlValue>> {
    return this.#orders.setControl(control, value, by);
  }

  /** As `InstrumentOrders.query`. */
  query(text: string, timeoutMs: number | undefined, by?: OrderedBy): Promise<ConsoleReply> {
    return this.#orders.query(text, timeoutMs, by);
  }

  /** As `InstrumentOrders.act`. */
  act(action: InstrumentAction, by?: OrderedBy): Promise<number | null> {
    return this.#orders.act(action, by);
  }

  screenshot(signal: AbortSignal): Promise<Screenshot> {
    return this.#orders.screenshot(signal);
  }

  refresh(): Promise<void> {
    return this.#watch.refresh();
  }

  /**
   * Switches its outputs off, before all that waits; what people ordered ends with it. One that is away is tried to be reached for a moment. Never throws:
   * what did not confirm says why.
   */
  async outputsOff(): Promise<OutputOff[]> {
    this.#orders.endAll();
    if (!this.isConnected && !this.stranger) await this.#connection.reach(this);
    if (!this.isConnected) return this.#connection.unreached();
    const results = await this.#link.driver.outputsOff();
    this.#parts.panel.askOutputsOff(this.shape.controls);
    this.#watch.readBackSoon();
    // Not waited for: whoever pressed wants to know now.
    void this.refresh().catch(() => undefined);
    return results;
  }

  /** What people ordered ends: Outputs off came again while the one before is under way. */
  endOrders(): void {
    this.#orders.endAll();
  }

  /**
   * Takes a waveform; it arrives as a segment. Gives the key of the stream. Given up when the signal aborts: a scope that ran runs on. Throws
   * call.invalid for instruments without, call.cancelled.
   */
  async capture(channels: readonly string[], signal: AbortSignal): Promise<string> {
    const { driver } = this.#link;
    if (!driver.capture) throw new LabError('call.invalid', `${this.label} has no waveforms to capture.`);
    const waveform = await driver.capture(channels, AbortSignal.any([this.#stop.signal, signal]));
    if (!this.#segments?.fits(waveform.columns)) {
      this.#segments?.[Symbol.dispose]();
      this.#segments = new SegmentStream(this.#host, this.id, waveform.columns);
    }
    this.#segments.add(waveform, this.#host.clock.nowNs());
    return this.#segments.info.key;
  }

  exchanges(limit: number): Exchange[] {
    return this.#connection.exchanges(limit);
  }

  /** Rates measured by the meter, about once a second. */
  measured(rates: { rateHz: number; lost: number }): void {
    const { panel } = this.#parts;
    const { streams } = this.#measuring;
    this.#rates = rates;
    // Stopped by the person a stream owes nothing.
    const isWanted = panel.values.running?.readBack !== false;
    if (streams.isSilent && this.#state === 'live' && isWanted) this.#become('silent');
    const { driftPpm } = streams;
    if (!Number.isNaN(driftPpm)) panel.keepStatus({ 'clock.drift': `${driftPpm.toFixed(0)} ppm` });
    this.#host.changed(this);
  }

  /** An error that belongs to no call: found in its error queue. */
  complain(error: LabError): void {
    this.#parts.status.error(error);
    this.#errors.add(error);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= (async () => {
      this.#tellReady();
      this.#stop.abort(new LabError('instrument.detached', `${this.label} was detached.`));
      this.#host.safety.lost(this.id);
      await this.#handBack();
      await this.#connection[Symbol.asyncDispose]();
      await this.#running;
      // A reconnect may have been just through.
      await this.#connection[Symbol.asyncDispose]();
      this.#measuring[Symbol.dispose]();
      this.#parts.status[Symbol.dispose]();
      this.#segments?.[Symbol.dispose]();
    })();
    return this.#disposed;
  }

  /** The front panel back to the person at the bench, if wanted: after the last poll, which would take it away again; never for long. */
  async #handBack(): Promise<void> {
    const { driver, session } = this.#link;
    if (!this.#host.localOnDetach() || !driver.toLocal || session.state === 'closed') return;
    const tooLong = createDeferred<void>();
    using _ = this.#host.clock.after(HAND_BACK_MS, tooLong.resolve);
    const done = Promise.resolve(this.#running).then(() => driver.toLocal?.());
    await Promise.race([done.catch(() => undefined), tooLong.promise]);
  }

  #share(): AttachmentParts {
    const attachment = this;
    const host = this.#host;
    const status = new StatusEvents(this, {
      clock: host.clock,
      event: (draft) => host.event(draft),
      tripped: (group) => host.safety.tripped(this.id, group),
    });
    return {
      id: this.id,
      get label() {
        return attachment.label;
      },
      get link() {
        return attachment.#link;
      },
      host,
      panel: new InstrumentPanel(host.clock),
      status,
      stop: this.#stop.signal,
      remember: (error) => this.#remember(error),
      changed: () => host.changed(this),
    };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#again = new AbortController();
      try {
        await this.refresh().catch((error: unknown) => this.#tolerate(error));
        await this.#measuring.run(AbortSignal.any([signal, this.#again.signal]));
      } catch (error) {
        if (signal.aborted) return;
        this.#lastError = LabError.from(error);
      }
      if (signal.aborted) return;
      if (!this.#again.signal.aborted || !this.#connection.isOpen) await this.#reconnect(signal);
    }
  }

  async #reconnect(signal: AbortSignal): Promise<void> {
    const { closeReason } = this.#link.session;
    // Its lab server's client was given up on purpose: then that is the reason of the gap.
    const given = closeReason?.code === 'server.closed' ? closeReason : undefined;
    this.#lastError = given ?? this.#lastError;
    await this.#connection.close();
    const reason = this.#lastError?.message ?? 'connection lost';
    const { id: instrument, label } = this;
    this.#host.event({
      kind: 'reconnect',
      instrument,
      severity: 'warning',
      text: `${label}: ${given?.message ?? 'connection lost, reconnecting'}`,
    });
    this.#host.safety.lost(instrument);
    this.#measuring.pause(given?.message ?? 'reconnect');
    const { resource } = this;
    try {
      await this.#connection.reopen(this, signal, (error) => {
        this.#lastError = error ?? this.#lastError;
        this.#become(this.stranger ? 'failed' : 'reconnecting');
      });
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    this.#lastError = undefined;
    this.#listen();
    this.#become('live');
    const where = this.resource === resource ? '' : ` at ${this.resource}`;
    this.#host.event({ kind: 'reconnect', instrument, text: `${label}: connected again${where}`, data: { reason } });
  }

  #listen(): void {
    this.#connection.listen(this.id);
    this.#watch.listen();
  }

  get #link(): InstrumentLink {
    return this.#connection.link;
  }

  /** One bad round, or a control that cannot be read: shown, and the work goes on. */
  #failed(error: LabError): void {
    this.#tellReady();
    // Cut short by Outputs off, which is no fault of the instrument.
    if (error.code === 'safety.refused') return;
    this.#lastError = error;
    this.#errors.add(error);
    this.#bad++;
    if (this.#bad === SILENT_AFTER) this.#become('silent');
  }

  #succeeded(): void {
    if (this.#state === 'silent') this.#lastError = undefined;
    this.#bad = 0;
    if (this.#state === 'silent') this.#become('live');
  }

  /** An error of a call: on the card; what the instrument said also as an event. */
  #remember(error: LabError): LabError {
    // What was not begun is no fault of the instrument.
    if (error.code !== 'safety.refused' && error.code !== 'call.expired') this.#lastError = error;
    if (error.code === 'instrument.rejected') this.complain(error);
    this.#host.changed(this);
    return error;
  }

  #tolerate(thrown: unknown): void {
    const error = LabError.from(thrown);
    if (error.code === 'transport.closed' || this.#stop.signal.aborted) throw error;
    this.#lastError = error;
  }

  #become(state: InstrumentStateWord): void {
    this.#state = state;
    this.#host.changed(this);
  }
}
