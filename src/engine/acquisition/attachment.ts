import type { AttachOptions } from '../../contract/discovery-schema.ts';
import type {
  CommandHelp,
  InstrumentState,
  InstrumentStateWord,
  PolledQuery,
} from '../../contract/instrument-schema.ts';
import { LabError } from '../../core/errors.ts';
import type { ControlValue, Identity } from '../../core/instrument.ts';
import { wayOf } from '../../core/resource-way.ts';
import type { ColumnInfo } from '../../core/stream-info.ts';
import { ErrorHistory } from '../diagnostics/error-history.ts';
import { SessionTotals } from '../diagnostics/session-totals.ts';
import type { OutputOff, Screenshot } from '../driver/driver.ts';
import { asksOnly } from '../safety/judge-text.ts';
import type { SafetyTarget } from '../safety/safety-host.ts';
import type { Exchange } from '../session/session.ts';
import { overtakenError } from '../session/session-message.ts';
import type { AttachmentHost } from './attachment-host.ts';
import { DeviceStreams } from './device-streams.ts';
import { Hurry } from './hurry.ts';
import { act, type InstrumentAction } from './instrument-acts.ts';
import { type ConsoleReply, sendText } from './instrument-console.ts';
import { instrumentId } from './instrument-id.ts';
import type { InstrumentLink } from './instrument-link.ts';
import { InstrumentPanel, setpointText } from './instrument-panel.ts';
import { Operations } from './operations.ts';
import { PollLoop } from './poll-loop.ts';
import { PollSource, polledColumns } from './poll-source.ts';
import { reconnect, type Stranger } from './reconnect.ts';
import { SegmentStream } from './segment-stream.ts';
import { StatusEvents } from './status-events.ts';

/** Longest that a detach waits for the instrument to take `local`. */
const HAND_BACK_MS = 1500;
/** Longest that `ready` waits for channels. */
const READY_MS = 3000;
/** Bad rounds in a row before the card says `silent`. */
const SILENT_AFTER = 3;
const EXCHANGES_KEPT = 1000;
/** Controls are read back that often, for knobs turned at the front panel; ms. */
const READ_BACK_MS = 5000;
/** Outputs off tries to reach an instrument that is away for so long; ms. */
const REACH_MS = 1300;
/** Queries that a person added are polled up to so fast. */
const MAX_QUERY_HZ = 20;

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
  readonly #exchanges: Exchange[] = [];
  readonly #panel: InstrumentPanel;
  readonly #status: StatusEvents;
  readonly #operations: Operations;
  readonly #streams: DeviceStreams;
  readonly #totals: SessionTotals;
  readonly #errors: ErrorHistory;
  #link: InstrumentLink;
  #polls: PollLoop | undefined;
  #queries: readonly PolledQuery[];
  #segments: SegmentStream | undefined;
  #state: InstrumentStateWord = 'live';
  #retry: InstrumentState['retry'];
  #stranger: Stranger | undefined;
  #lastError: LabError | undefined;
  #bad = 0;
  #rates = { rateHz: 0, lost: 0 };
  #readBackMs = Number.NEGATIVE_INFINITY;
  /** What people ordered ends with it: Outputs off came. */
  #orders = new AbortController();
  /** Measuring begins anew. */
  #again = new AbortController();
  #onLive: (() => void)[] = [];
  /** The connection that holds the lock of the instrument. */
  #lockedOn: { session: InstrumentLink['session']; reopened: number } | undefined;
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
    this.#link = link;
    this.options = options;
    this.#queries = queries;
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
    this.#totals = new SessionTotals(host.clock.nowNs());
    this.#errors = new ErrorHistory(host.clock);
    this.#status = new StatusEvents(this, {
      clock: host.clock,
      event: (draft) => host.event(draft),
      tripped: (group) => host.safety.tripped(this.id, group),
    });
    this.#operations = new Operations(() => this.#status.operationComplete());
    this.#streams = new DeviceStreams(this.id, {
      clock: host.clock,
      registry: host.registry,
      sink: host.sink,
      carries: ({ key }, columns, rateHz) => this.#host.declareChannels(this, key, columns, rateHz),
      came: () => {
        if (this.#state !== 'live') this.#succeeded();
      },
    });
  }

  /** Where it is; after a reconnect perhaps another way than where it was attached. */
  get resource(): string {
    return this.#link.session.resource;
  }

  /** Whether it has a connection, not only the wish for one. */
  get isConnected(): boolean {
    return (this.#state === 'live' || this.#state === 'silent') && this.#link.session.state !== 'closed';
  }

  /** The other unit that answers in its place. */
  get stranger(): Stranger | undefined {
    return this.#stranger;
  }

  get shape(): InstrumentLink['driver']['shape'] {
    return this.#link.driver.shape;
  }

  /** Names of its polled channels. */
  get channels(): string[] {
    return polledColumns(this.shape.polled, this.#queries).map(({ channel }) => channel);
  }

  get queries(): readonly PolledQuery[] {
    return this.#queries;
  }

  get isLocked(): boolean {
    const { session } = this.#link;
    // A lock belongs to a connection: opened anew it is gone.
    return this.#lockedOn?.session === session && this.#lockedOn.reopened === session.stats.reopened;
  }

  /** Counters of all its connections, its errors, and how it is. */
  get record(): AttachmentRecord {
    return {
      nowNs: this.#host.clock.nowNs(),
      totals: this.#totals.with(this.#link.session.stats),
      errors: this.#errors.list,
      state: this.#state,
      rateAskedHz: this.#rateAskedHz,
      rateGotHz: this.#rates.rateHz,
      lost: this.#rates.lost,
      malformed: this.#streams.malformed,
      lastError: this.#lastError,
    };
  }

  get state(): InstrumentState {
    const { session, driver } = this.#link;
    const { shape } = driver;
    const { clear, trigger, statusByte, lock, remoteLocal } = session.can;
    const { stats } = session;
    return {
      id: this.id,
      role: shape.role,
      label: this.label,
      identity: this.identity,
      resource: this.resource,
      way: wayOf(this.resource),
      family: this.#link.family,
      options: this.options,
      can: {
        screenshot: driver.screenshot !== undefined,
        clear,
        trigger,
        statusByte,
        lock,
        local: remoteLocal || driver.toLocal !== undefined,
      },
      queries: [...this.#queries],
      isLocked: this.isLocked,
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
      malformed: this.#streams.malformed,
      timeouts: this.#totals.with(stats).timeouts,
      roundTripMs: stats.lastRoundTripMs > 0 ? Math.round(stats.lastRoundTripMs * 100) / 100 : null,
      lastError: this.#lastError?.toJSON() ?? null,
    };
  }

  start(): void {
    this.#plan();
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

  /** Rows "poll this query", in place of those before. Throws `call.invalid` for what is no question, or has the name of a channel. */
  setQueries(queries: readonly PolledQuery[]): void {
    const taken = this.shape.polled.map(({ channel }) => channel);
    const odd = queries.find(({ name, query }, index) => {
      const isTwice = taken.includes(name) || queries.findIndex((other) => other.name === name) !== index;
      return isTwice || !asksOnly(query);
    });
    if (odd) {
      throw new LabError(
        'call.invalid',
        `“${odd.query}” (${odd.name}) cannot be polled: it must be a question that changes nothing, and its name that of no other channel. Nothing was changed.`,
      );
    }
    const gone = this.#queries.filter(({ name }) => !queries.some((query) => query.name === name));
    this.#queries = queries;
    this.#polls?.[Symbol.dispose]();
    this.#plan();
    this.#host.dropChannels(
      this,
      gone.map(({ name }) => name),
    );
    this.#again.abort();
    this.#host.changed(this);
  }

  /** Throws what the driver says, `safety.refused`; the read-backs it gave are shown either way. */
  async setControl(control: string, value: ControlValue, who: string): Promise<Record<string, ControlValue>> {
    const known = this.shape.controls.find(({ id }) => id === control);
    if (!known)
      throw new LabError('call.invalid', `${this.label} has no control ${control}. Nothing was sent.`, { control });
    this.#panel.ask(control, value);
    const signal = this.#orderSignal();
    try {
      const send = async (step: ControlValue): Promise<Record<string, ControlValue>> => {
        const values = await this.#link.driver.setControl(control, step, signal);
        this.#panel.keep(values);
        return values;
      };
      const readBack = await this.#host.safety.set(this.#target, known, value, send, signal);
      this.#host.event({
        kind: 'setpoint',
        instrument: this.id,
        text: setpointText(this.label, known, value),
        data: { control, value, readBack: readBack[control] ?? null, who },
      });
      return readBack;
    } catch (error) {
      throw this.#remember(LabError.from(error));
    } finally {
      this.#host.changed(this);
    }
  }

  async refresh(): Promise<void> {
    const { driver } = this.#link;
    this.#panel.keep(await driver.readControls(undefined, this.#stop.signal));
    if (driver.status) this.#keepStatus(await driver.status(this.#stop.signal));
    this.#host.changed(this);
  }

  /** Console, send-file, command line: a text of a person or script. Throws `safety.refused`, `instrument.rejected`, the errors of the session. */
  async query(text: string, timeoutMs: number | undefined): Promise<ConsoleReply> {
    const signal = this.#orderSignal();
    const { session, driver } = this.#link;
    const place = { session, driver, report: (error: LabError) => void this.#remember(error) };
    const send = (): Promise<ConsoleReply> => sendText(place, text, { timeoutMs, signal });
    try {
      const reply = await this.#host.safety.text(this.#target, text, send, signal);
      this.#operations.sent(text);
      // What a command has changed is looked up with the next look at the lamps.
      if (reply.text === null) this.#readBackMs = Number.NEGATIVE_INFINITY;
      return reply;
    } catch (error) {
      const failure = LabError.from(error);
      if (failure.code === 'instrument.rejected') this.#remember(failure);
      throw failure;
    }
  }

  /** Throws `safety.refused` for a trigger while limits hold: what it starts cannot be judged. Otherwise as `act`. */
  async act(action: InstrumentAction): Promise<number | null> {
    const { session, driver } = this.#link;
    if (action === 'trigger' && this.#host.safety.isLimited(this.id)) {
      throw new LabError(
        'safety.refused',
        `${this.label} feeds a device with limits, and what a trigger starts cannot be judged. Nothing was sent. Use the card, or remove its limits under Safety.`,
        { instrument: this.id },
      );
    }
    const value = await act(action, session, driver);
    if (action === 'lock') this.#lockedOn = { session, reopened: session.stats.reopened };
    if (action === 'unlock') this.#lockedOn = undefined;
    if (value !== null) this.#sawStatusByte(value);
    this.#host.changed(this);
    return value;
  }

  /** Throws `driver.unsupported`, the errors of the session. */
  async screenshot(): Promise<Screenshot> {
    const { driver } = this.#link;
    if (driver.screenshot) return driver.screenshot(this.#stop.signal);
    throw new LabError('driver.unsupported', `${this.label} gives no picture of its screen. Nothing was sent.`);
  }

  /** Commands of its dialect. */
  get help(): CommandHelp[] {
    const { help, shape } = this.#link.driver;
    return help ? [...help] : shape.commands.map((header) => ({ header, help: '', parameters: '' }));
  }

  /**
   * Switches its outputs off, before all that waits; what people ordered ends with it. One that is away is tried to be reached for a moment. Never throws:
   * what did not confirm says why.
   */
  async outputsOff(): Promise<OutputOff[]> {
    this.#orders.abort(overtakenError(this.label));
    this.#orders = new AbortController();
    if (!this.isConnected && !this.#stranger) await this.#reach();
    if (!this.isConnected) return this.#unreached();
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
    // Stopped by the person a stream owes nothing.
    const isWanted = this.#panel.values.running?.readBack !== false;
    if (this.#streams.isSilent && this.#state === 'live' && isWanted) this.#become('silent');
    const { driftPpm } = this.#streams;
    if (!Number.isNaN(driftPpm)) this.#panel.keepStatus({ 'clock.drift': `${driftPpm.toFixed(0)} ppm` });
    this.#host.changed(this);
  }

  /** An error that belongs to no call: found in its error queue. */
  complain(error: LabError): void {
    this.#status.error(error);
    this.#errors.add(error);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= (async () => {
      this.#tellReady();
      this.#stop.abort(new LabError('instrument.detached', `${this.label} was detached.`));
      this.#host.safety.lost(this.id);
      await this.#handBack();
      await this.#link[Symbol.asyncDispose]();
      await this.#running;
      // A reconnect may have been just through.
      await this.#link[Symbol.asyncDispose]();
      this.#polls?.[Symbol.dispose]();
      this.#streams[Symbol.dispose]();
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

  get #target(): SafetyTarget {
    const { driver } = this.#link;
    return {
      id: this.id,
      label: this.label,
      shape: driver.shape,
      read: (ids) => driver.readControls(ids, this.#stop.signal),
      writes: (control, value) => driver.writes?.(control, value),
    };
  }

  /** Ends what a person orders: with detach, and with Outputs off. */
  #orderSignal(): AbortSignal {
    return AbortSignal.any([this.#stop.signal, this.#orders.signal]);
  }

  get #rateAskedHz(): number {
    if (this.#streams.isOpen) return this.#streams.rateHz;
    return Math.max(0, ...this.channels.map((channel) => this.#rateOf(channel)));
  }

  #rateOf(channel: string): number {
    return this.#host.rateOf(this.id, channel) ?? this.shape.defaultPollHz;
  }

  #plan(): void {
    const columns = polledColumns(this.shape.polled, this.#queries);
    this.#polls = undefined;
    if (columns.length === 0) return;
    const host = {
      ...this.#host,
      instrument: this.id,
      maxPollHz: Math.max(this.shape.maxPollHz, this.#queries.length > 0 ? MAX_QUERY_HZ : 0),
      rateOf: (channel: string) => this.#rateOf(channel),
      carries: (stream: string, carried: ColumnInfo[], rateHz: number) =>
        this.#host.declareChannels(this, stream, carried, rateHz),
      dropped: (channels: string[]) => this.#host.dropChannels(this, channels),
      failed: (error: LabError) => this.#failed(error),
      succeeded: () => this.#succeeded(),
      between: (signal: AbortSignal) => this.#between(signal),
    };
    this.#polls = new PollLoop(host, columns);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#again = new AbortController();
      try {
        await this.refresh().catch((error: unknown) => this.#tolerate(error));
        await this.#measure(AbortSignal.any([signal, this.#again.signal]));
      } catch (error) {
        if (signal.aborted) return;
        this.#lastError = LabError.from(error);
      }
      if (signal.aborted) return;
      if (!this.#again.signal.aborted || this.#link.session.state === 'closed') await this.#reconnect(signal);
    }
  }

  /** Until the wire ends, measuring begins anew, or detach. */
  async #measure(signal: AbortSignal): Promise<void> {
    const { driver, session } = this.#link;
    const tasks: Promise<void>[] = [];
    if (driver.stream) tasks.push(driver.stream(this.#streams.outlet, signal));
    if (this.#polls) tasks.push(this.#polls.run(this.#source(), signal));
    const ended = session.closed.then(() => {
      if (!signal.aborted)
        throw new LabError(
          'transport.closed',
          `The connection to ${this.label} ended. Its data pause; Labwire reconnects by itself.`,
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

  #source(): PollSource {
    const { driver, session } = this.#link;
    return new PollSource({
      driver,
      session,
      clock: this.#host.clock,
      queries: this.#queries,
      complain: (error) => {
        this.#lastError = error;
      },
      measured: (columns, { values }) => {
        columns.forEach(({ channel }, index) => {
          const value = values[index];
          if (value !== undefined) this.#status.value(channel, value);
        });
        this.#host.safety.measured(this.#target, values);
      },
    });
  }

  async #reconnect(signal: AbortSignal): Promise<void> {
    this.#totals.add(this.#link.session.stats);
    await Promise.resolve(this.#link[Symbol.asyncDispose]()).catch(() => undefined);
    this.#streams.end('reconnect');
    const reason = this.#lastError?.message ?? 'connection lost';
    const { id: instrument, label } = this;
    this.#host.event({
      kind: 'reconnect',
      instrument,
      severity: 'warning',
      text: `${label}: connection lost, reconnecting`,
    });
    this.#host.safety.lost(instrument);
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

  /** Waits a moment for a connection, and hurries the tries. */
  async #reach(): Promise<void> {
    const reached = new Promise<void>((resolve) => this.#onLive.push(resolve));
    const tooLong = new Promise<void>((resolve) => void this.#host.clock.after(REACH_MS, resolve));
    this.hurry.now();
    await Promise.race([reached, tooLong]);
  }

  #unreached(): OutputOff[] {
    const groups = new Set(this.shape.controls.flatMap(({ isOutput, group }) => (isOutput ? [group] : [])));
    const reason = this.#stranger
      ? 'Another instrument answers in its place. Switch it off by hand.'
      : 'There is no connection to it. Treat it as on, and switch it off by hand.';
    return [...groups].map((group) => ({ group, confirmed: false, reason }));
  }

  #listen(): void {
    const { session } = this.#link;
    session.onExchange((exchange) => {
      this.#exchanges.push(exchange);
      if (this.#exchanges.length > EXCHANGES_KEPT * 1.25)
        this.#exchanges.splice(0, this.#exchanges.length - EXCHANGES_KEPT);
      this.#host.exchanged(this.id, exchange);
    });
    if (session.can.serviceRequest) session.onServiceRequest((byte) => this.#status.serviceRequest(byte));
  }

  async #between(signal: AbortSignal): Promise<void> {
    const { driver, session } = this.#link;
    if (driver.status && this.#keepStatus(await driver.status(signal))) this.#host.changed(this);
    if (session.can.statusByte && !session.can.serviceRequest) await this.#pollStatusByte(signal);
    await this.#operations.look(session, signal);
    const nowMs = this.#host.clock.monotonicMs();
    if (nowMs - this.#readBackMs < READ_BACK_MS) return;
    this.#readBackMs = nowMs;
    this.#panel.keep(await driver.readControls(undefined, signal));
    this.#host.changed(this);
  }

  /** Where it costs one small exchange beside the bytes. */
  async #pollStatusByte(signal: AbortSignal): Promise<void> {
    const { session } = this.#link;
    const read = session.control(async (control) => control.statusByte?.(), { priority: 'poll', signal });
    const byte = await read.catch((error: unknown) => {
      if (LabError.from(error).code === 'transport.unsupported') return undefined;
      throw error;
    });
    if (byte !== undefined) this.#sawStatusByte(byte);
  }

  /** A new error in its queue is asked for at once. */
  #sawStatusByte(byte: number): void {
    if (!this.#status.statusByte(byte)) return;
    const { driver } = this.#link;
    void driver
      .explain?.('', { priority: 'background', signal: this.#stop.signal })
      .then((error) => error && this.#remember(error))
      .catch(() => undefined);
  }

  /** Gives whether something changed. */
  #keepStatus(status: Record<string, string>): boolean {
    const changes = this.#panel.keepStatus(status);
    for (const change of changes) this.#status.lamp(change);
    return changes.length > 0;
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
    if (error.code !== 'safety.refused') this.#lastError = error;
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
    if (state === 'live') for (const tell of this.#onLive.splice(0)) tell();
    this.#host.changed(this);
  }
}

/** What diagnostics are made of. */
export interface AttachmentRecord {
  nowNs: bigint;
  totals: ReturnType<SessionTotals['with']>;
  errors: ErrorHistory['list'];
  state: InstrumentStateWord;
  rateAskedHz: number;
  rateGotHz: number;
  lost: number;
  malformed: number;
  lastError: LabError | undefined;
}
