import type { AttachOptions } from '../../contract/discovery-schema.ts';
import type { InstrumentState, InstrumentStateWord } from '../../contract/instrument-schema.ts';
import { LabError } from '../../core/errors.ts';
import type { ControlValue, Identity } from '../../core/instrument.ts';
import { wayOf } from '../../core/resource-way.ts';
import type { ColumnInfo } from '../../core/stream-info.ts';
import { isQuery } from '../../protocol/scpi-line.ts';
import type { OutputOff } from '../driver/driver.ts';
import { ScpiDialog } from '../driver/scpi-dialog.ts';
import { summarizeReply } from '../session/reply-summary.ts';
import type { Exchange } from '../session/session.ts';
import type { AttachmentHost } from './attachment-host.ts';
import { instrumentId } from './instrument-id.ts';
import type { InstrumentLink } from './instrument-link.ts';
import { InstrumentPanel, setpointText } from './instrument-panel.ts';
import { PollLoop } from './poll-loop.ts';
import { reconnect, type Stranger } from './reconnect.ts';
import { RegularStream } from './regular-stream.ts';
import { SegmentStream } from './segment-stream.ts';

/** Longest that a detach waits for the instrument to take `local`. */
const HAND_BACK_MS = 1500;
/** Longest that `ready` waits for channels. */
const READY_MS = 3000;
/** Bad rounds in a row before the card says `silent`. */
const SILENT_AFTER = 3;
const EXCHANGES_KEPT = 1000;
/** A stream that gives nothing for that long is `silent`, or for three of its rows if that is longer; ms. */
const STREAM_SILENT_MS = 2000;
/** Controls are read back that often, for knobs turned at the front panel; ms. */
const READ_BACK_MS = 5000;

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
  #tellReady: () => void = () => undefined;
  readonly #host: AttachmentHost;
  readonly #stop = new AbortController();
  readonly #exchanges: Exchange[] = [];
  #link: InstrumentLink;
  #polls: PollLoop | undefined;
  #regular: RegularStream | undefined;
  /** Where the stream before ended, and why. */
  #pause: { endNs: bigint; reason: string } | undefined;
  #rowsMs = 0;
  #segments: SegmentStream | undefined;
  #state: InstrumentStateWord = 'live';
  #retry: InstrumentState['retry'];
  #stranger: Stranger | undefined;
  readonly #panel: InstrumentPanel;
  #lastError: LabError | undefined;
  #bad = 0;
  #malformed = 0;
  #timeouts = 0;
  #rates = { rateHz: 0, lost: 0 };
  #readBackMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;
  #disposed: Promise<void> | undefined;

  /** Takes over the link; `start` begins to measure. */
  constructor(link: InstrumentLink, label: string, host: AttachmentHost, options: AttachOptions = {}) {
    this.#link = link;
    this.options = options;
    this.#panel = new InstrumentPanel(host.clock);
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
  }

  /** Where it is; after a reconnect perhaps another way than where it was attached. */
  get resource(): string {
    return this.#link.session.resource;
  }

  /** Whether it has a connection, not only the wish for one. */
  get isConnected(): boolean {
    return this.#state === 'live' || this.#state === 'silent';
  }

  /** The other unit that answers in its place. */
  get stranger(): Stranger | undefined {
    return this.#stranger;
  }

  get shape(): InstrumentLink['driver']['shape'] {
    return this.#link.driver.shape;
  }

  get state(): InstrumentState {
    const { session, driver } = this.#link;
    const { shape } = driver;
    return {
      id: this.id,
      role: shape.role,
      label: this.label,
      identity: this.identity,
      resource: this.resource,
      way: wayOf(this.resource),
      family: this.#link.family,
      options: this.options,
      can: { screenshot: false, clear: false, trigger: false, statusByte: false, lock: false, local: false },
      queries: [],
      isLocked: false,
      state: this.#state,
      ...(this.#retry ? { retry: this.#retry } : {}),
      ...(this.#stranger ? { stranger: this.#stranger } : {}),
      controls: shape.controls,
      values: this.#panel.values,
      status: this.#panel.status,
      commands: shape.commands,
      waveforms: shape.waveforms.map(({ channel }) => channel),
      rateAskedHz: this.#rateAskedHz,
      rateGotHz: Math.round(this.#rates.rateHz * 1000) / 1000,
      lost: this.#rates.lost,
      malformed: this.#malformed,
      timeouts: this.#timeouts,
      roundTripMs: session.stats.lastRoundTripMs > 0 ? Math.round(session.stats.lastRoundTripMs * 100) / 100 : null,
      lastError: this.#lastError?.toJSON() ?? null,
    };
  }

  start(): void {
    if (this.shape.polled.length > 0) {
      const host = {
        ...this.#host,
        instrument: this.id,
        maxPollHz: this.shape.maxPollHz,
        rateOf: (channel: string) => this.#rateOf(channel),
        carries: (stream: string, columns: ColumnInfo[], rateHz: number) =>
          this.#host.declareChannels(this, stream, columns, rateHz),
        dropped: (channels: string[]) => this.#host.dropChannels(this, channels),
        failed: (error: LabError) => this.#failed(error),
        succeeded: () => this.#succeeded(),
        between: (signal: AbortSignal) => this.#between(signal),
      };
      this.#polls = new PollLoop(host, this.shape.polled);
    }
    if (this.shape.waveforms.length > 0) this.#host.declareWaveforms(this, this.shape.waveforms);
    if (!this.#polls && !this.#link.driver.stream) this.#tellReady();
    const patience = this.#host.clock.after(READY_MS, () => this.#tellReady());
    void this.ready.then(() => patience[Symbol.dispose]());
    this.#listen();
    this.#running = this.#run();
  }

  /** Rates of its channels have changed. */
  replan(): void {
    this.#polls?.replan();
  }

  /** Throws what the driver says; the read-backs it gave are shown either way. */
  async setControl(control: string, value: ControlValue, who: string): Promise<Record<string, ControlValue>> {
    const known = this.shape.controls.find(({ id }) => id === control);
    if (!known)
      throw new LabError('call.invalid', `${this.label} has no control ${control}. Nothing was sent.`, { control });
    this.#panel.ask(control, value);
    try {
      const readBack = await this.#link.driver.setControl(control, value, this.#stop.signal);
      this.#panel.keep(readBack);
      this.#host.event({
        kind: 'setpoint',
        instrument: this.id,
        text: setpointText(this.label, known, value),
        data: { control, value, readBack: readBack[control] ?? null, who },
      });
      return readBack;
    } catch (error) {
      this.#lastError = LabError.from(error);
      throw error;
    } finally {
      this.#host.changed(this);
    }
  }

  async refresh(): Promise<void> {
    const { driver } = this.#link;
    this.#panel.keep(await driver.readControls(undefined, this.#stop.signal));
    if (driver.status) this.#panel.keepStatus(await driver.status(this.#stop.signal));
    this.#host.changed(this);
  }

  /**
   * Console. Gives the reply, or null for a command. After a command to an instrument whose dialect is known the error queue is read, so
   * that a refused one is told as such (`instrument.rejected`). Blocks come as a summary.
   */
  async query(text: string, timeoutMs: number | undefined): Promise<string | null> {
    const { session, driver } = this.#link;
    const options = { priority: 'person' as const, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
    const dialog =
      driver.shape.role === 'unknown' || driver.stream
        ? undefined
        : new ScpiDialog(session, (error) => this.#remember(error));
    if (isQuery(text)) {
      try {
        return summarizeReply(await session.query(text, options));
      } catch (error) {
        // A query the instrument refuses is never answered: its error queue knows why.
        if (LabError.from(error).code !== 'transport.timeout') throw error;
        throw (await dialog?.explain(text, { priority: 'person' }).catch(() => undefined)) ?? error;
      }
    }
    if (dialog) await dialog.change([text], options);
    else await session.write(text, options);
    // What the command has changed is looked up with the next look at the lamps.
    this.#readBackMs = Number.NEGATIVE_INFINITY;
    return null;
  }

  async outputsOff(): Promise<OutputOff[]> {
    const results = await this.#link.driver.outputsOff();
    this.#panel.askOutputsOff(this.shape.controls);
    this.#readBackMs = Number.NEGATIVE_INFINITY;
    // Not waited for: whoever pressed wants to know now.
    void this.refresh().catch(() => undefined);
    return results;
  }

  /** Takes a waveform; it arrives as a segment. Gives the key of the stream. Throws call.invalid for instruments without. */
  async capture(channels: readonly string[]): Promise<string> {
    const { driver } = this.#link;
    if (!driver.capture) throw new LabError('call.invalid', `${this.label} has no waveforms to capture.`);
    const waveform = await driver.capture(channels, this.#stop.signal);
    if (!this.#segments?.fits(waveform.columns)) {
      this.#segments?.[Symbol.dispose]();
      this.#segments = new SegmentStream(this.#host, this.id, waveform.columns);
    }
    this.#segments.add(waveform, this.#host.clock.nowNs());
    return this.#segments.info.key;
  }

  exchanges(limit: number): Exchange[] {
    return this.#exchanges.slice(-limit);
  }

  /** Rates measured by the meter, about once a second. */
  measured(rates: { rateHz: number; lost: number }): void {
    this.#rates = rates;
    this.#timeouts = Math.max(this.#timeouts, this.#link.session.stats.timeouts);
    if (this.#regular) this.#watchStream(this.#regular);
    if (this.#regular && !Number.isNaN(this.#regular.driftPpm)) {
      this.#panel.keepStatus({ 'clock.drift': `${this.#regular.driftPpm.toFixed(0)} ppm` });
    }
    this.#host.changed(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= (async () => {
      this.#tellReady();
      this.#stop.abort(new LabError('instrument.detached', `${this.label} was detached.`));
      await this.#handBack();
      await this.#link[Symbol.asyncDispose]();
      await this.#running;
      // A reconnect may have been just through.
      await this.#link[Symbol.asyncDispose]();
      this.#polls?.[Symbol.dispose]();
      this.#regular?.[Symbol.dispose]();
      this.#segments?.[Symbol.dispose]();
    })();
    return this.#disposed;
  }

  /** The front panel back to the person at the bench, if wanted: after the last poll, which would take it away again; never for long. */
  async #handBack(): Promise<void> {
    const { driver, session } = this.#link;
    if (!this.#host.localOnDetach() || !driver.toLocal || session.state === 'closed') return;
    const tooLong = new Promise<void>((resolve) => void this.#host.clock.after(HAND_BACK_MS, resolve));
    const done = Promise.resolve(this.#running).then(() => driver.toLocal?.());
    await Promise.race([done.catch(() => undefined), tooLong]);
  }

  get #rateAskedHz(): number {
    if (this.#regular) return this.#regular.info.rateHz;
    return Math.max(0, ...this.shape.polled.map(({ channel }) => this.#rateOf(channel)));
  }

  #rateOf(channel: string): number {
    return this.#host.rateOf(this.id, channel) ?? this.shape.defaultPollHz;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.refresh().catch((error: unknown) => this.#tolerate(error));
        await this.#measure(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#lastError = LabError.from(error);
      }
      if (signal.aborted) return;
      await this.#reconnect(signal);
    }
  }

  /** Until the wire ends or detach. */
  async #measure(signal: AbortSignal): Promise<void> {
    const { driver, session } = this.#link;
    const tasks: Promise<void>[] = [];
    if (driver.stream) tasks.push(driver.stream(this.#outlet(), signal));
    if (this.#polls) tasks.push(this.#polls.run(driver, signal));
    tasks.push(
      session.closed.then(() => {
        if (!signal.aborted)
          throw new LabError(
            'transport.closed',
            `The connection to ${this.label} ended. Its data pause; Labwire reconnects by itself.`,
          );
      }),
    );
    try {
      await Promise.race(tasks);
    } finally {
      await Promise.allSettled(tasks.slice(0, -1).map((task) => Promise.race([task, session.closed])));
    }
  }

  #outlet(): Parameters<NonNullable<InstrumentLink['driver']['stream']>>[0] {
    return {
      opened: (info) => {
        this.#endRegular('restarted');
        this.#regular = new RegularStream(this.#host, { instrument: this.id, ...info, after: this.#pause });
        this.#rowsMs = this.#host.clock.monotonicMs();
        this.#host.declareChannels(this, this.#regular.info.key, info.columns, info.rateHz);
      },
      rows: (rows) => {
        this.#regular?.add(rows);
        this.#rowsMs = this.#host.clock.monotonicMs();
        if (this.#state !== 'live') this.#succeeded();
      },
      malformed: (count) => {
        this.#malformed = count;
      },
    };
  }

  #endRegular(reason: string): void {
    const regular = this.#regular;
    this.#regular = undefined;
    if (regular?.endNs !== undefined) this.#pause = { endNs: regular.endNs, reason };
    regular?.[Symbol.dispose]();
  }

  /** A device that streams is not asked, so silence is seen by the clock. Stopped by the person it owes nothing. */
  #watchStream(regular: RegularStream): void {
    const limitMs = Math.max(STREAM_SILENT_MS, 3000 / regular.info.rateHz);
    const isSilent = this.#host.clock.monotonicMs() - this.#rowsMs > limitMs;
    if (isSilent && this.#state === 'live' && this.#panel.values.running?.readBack !== false) this.#become('silent');
  }

  async #reconnect(signal: AbortSignal): Promise<void> {
    await Promise.resolve(this.#link[Symbol.asyncDispose]()).catch(() => undefined);
    this.#endRegular('reconnect');
    const reason = this.#lastError?.message ?? 'connection lost';
    const { id: instrument, label } = this;
    this.#host.event({
      kind: 'reconnect',
      instrument,
      severity: 'warning',
      text: `${label}: connection lost, reconnecting`,
    });
    this.#polls?.markGap('reconnect');
    const { resource } = this;
    try {
      this.#link = await reconnect(this, this.#host, signal, ({ attempt, atNs, error, stranger }) => {
        this.#stranger = stranger;
        this.#retry = stranger ? undefined : { attempt, atNs };
        this.#lastError = error ?? this.#lastError;
        this.#become(stranger ? 'failed' : 'reconnecting');
      });
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    this.#stranger = undefined;
    this.#retry = undefined;
    this.#lastError = undefined;
    this.#listen();
    this.#become('live');
    const where = this.resource === resource ? '' : ` at ${this.resource}`;
    this.#host.event({ kind: 'reconnect', instrument, text: `${label}: connected again${where}`, data: { reason } });
  }

  #listen(): void {
    this.#link.session.onExchange((exchange) => {
      this.#exchanges.push(exchange);
      if (this.#exchanges.length > EXCHANGES_KEPT * 1.25)
        this.#exchanges.splice(0, this.#exchanges.length - EXCHANGES_KEPT);
      this.#host.exchanged(this.id, exchange);
    });
  }

  async #between(signal: AbortSignal): Promise<void> {
    const { driver } = this.#link;
    if (driver.status) {
      const changes = this.#panel.keepStatus(await driver.status(signal));
      for (const { key, from, to } of changes) this.#statusChanged(key, from, to);
      if (changes.length > 0) this.#host.changed(this);
    }
    const nowMs = this.#host.clock.monotonicMs();
    if (nowMs - this.#readBackMs < READ_BACK_MS) return;
    this.#readBackMs = nowMs;
    this.#panel.keep(await driver.readControls(undefined, signal));
    this.#host.changed(this);
  }

  #statusChanged(key: string, from: string | undefined, to: string): void {
    if (from === undefined) return;
    const tripped = key.endsWith('.tripped') && to !== '';
    this.#host.event({
      kind: 'status',
      instrument: this.id,
      ...(tripped ? { severity: 'warning' as const } : {}),
      text: `${this.label} ${key.replaceAll('.', ' ')}: ${to === '' ? 'cleared' : to}`,
      data: { key, from, to },
    });
  }

  /** One bad round, or a control that cannot be read: shown, and the work goes on. */
  #failed(error: LabError): void {
    this.#tellReady();
    this.#lastError = error;
    this.#bad++;
    if (this.#bad === SILENT_AFTER) this.#become('silent');
  }

  #succeeded(): void {
    if (this.#state === 'silent') this.#lastError = undefined;
    this.#bad = 0;
    if (this.#state === 'silent') this.#become('live');
  }

  #remember(error: LabError): void {
    this.#lastError = error;
    this.#host.changed(this);
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
