import type { AttachOptions } from '../../contract/discovery-schema.ts';
import type { PolledQuery } from '../../contract/instrument-schema.ts';
import type { InstrumentLock } from '../../contract/lock-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { canonicalResource } from '../../core/resource.ts';
import { parseIdentity } from '../../protocol/idn.ts';
import { Attachment } from '../acquisition/attachment.ts';
import type { Attached, AttachedAt, AttachmentHost } from '../acquisition/attachment-host.ts';
import type { ChannelBook } from '../acquisition/channel-book.ts';
import { instrumentId, instrumentLabel } from '../acquisition/instrument-id.ts';
import { type InstrumentLink, type LinkPlace, openInstrumentLink } from '../acquisition/instrument-link.ts';
import type { StreamRegistry } from '../acquisition/stream-registry.ts';
import type { KnownInstruments } from '../discovery/known-instruments.ts';
import { chooseFamily, familyNamed } from '../driver/driver-table.ts';
import type { SafetyHost } from '../safety/safety-host.ts';
import type { SampleSink } from '../sample-sink.ts';
import type { Exchange } from '../session/session.ts';
import type { EventLog } from '../state/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';
import type { BenchInstrument } from './bench-file.ts';

export interface InstrumentTableParts {
  clock: Clock;
  registry: StreamRegistry;
  sink: SampleSink;
  channels: ChannelBook;
  events: EventLog;
  board: StateBoard;
  timeoutMs(): number;
  localOnDetach(): boolean;
  exchanged(instrument: string, exchange: Exchange): void;
  safety: SafetyHost;
  /** What is attached changed: the bench file wants saving. */
  touched(): void;
  known: KnownInstruments;
  /** Name of the serial adapter at an address, if the system knows one. */
  adapterAt(resource: string): Promise<string | undefined>;
  /** Ways on which a unit may be back; some of them may be in use. */
  waysTo(attached: AttachedAt, signal: AbortSignal): Promise<string[]>;
  /** The link to an instrument of a lab server. */
  remote(resource: string): Promise<InstrumentLink>;
  /** Who has it for themselves. */
  lockOf(instrument: string): InstrumentLock | undefined;
  /** Addresses of simulated instruments change with every start: they are not remembered. */
  isSimulated(resource: string): boolean;
}

/** How to attach. */
export interface OpenRequest {
  label?: string | undefined;
  /** Absent: as the one that was there last; `{}`: as its address alone says. */
  options?: AttachOptions | undefined;
  /** Rows "poll this query". */
  queries?: readonly PolledQuery[] | undefined;
}

/** The instruments of the bench: attach, detach, find by id. One unit is attached once, whatever the paths to it. */
export class InstrumentTable implements AsyncDisposable {
  readonly #parts: InstrumentTableParts;
  readonly #attached = new Map<string, Attachment>();
  /** Where each was shown last: one that reconnects elsewhere is noticed. */
  readonly #resources = new Map<string, string>();
  /** By canonical resource: a second click on Attach waits for the first. */
  readonly #opening = new Map<string, Promise<Attachment>>();

  constructor(parts: InstrumentTableParts) {
    this.#parts = parts;
  }

  get all(): Attachment[] {
    return [...this.#attached.values()];
  }

  /** Being attached now, by where. */
  get opening(): ReadonlyMap<string, Promise<Attachment>> {
    return new Map(this.#opening);
  }

  /** For the bench file. */
  get saved(): BenchInstrument[] {
    return this.all.map(({ id, resource, label, identity, options, queries }) => ({
      id,
      resource,
      label,
      identity,
      ...(Object.keys(options).length > 0 ? { options } : {}),
      ...(queries.length > 0 ? { queries: [...queries] } : {}),
    }));
  }

  /** Throws instrument.unknown. */
  find(id: string): Attachment {
    const attachment = this.#attached.get(id);
    if (!attachment)
      throw new LabError('instrument.unknown', `${id} is not attached. Attach it first (Ctrl+N).`, { instrument: id });
    return attachment;
  }

  /** Attached at this resource already: that one. Throws resource.*, transport.*, driver.unsupported, instrument.silent, instrument.mismatch. */
  open(resource: string, request: OpenRequest = {}): Promise<Attachment> {
    const canonical = canonicalResource(resource);
    const known = this.#at(canonical) ?? this.#opening.get(canonical);
    if (known) return Promise.resolve(known);
    const opening = this.#attach(canonical, request).finally(() => this.#opening.delete(canonical));
    this.#opening.set(canonical, opening);
    return opening;
  }

  /**
   * Takes the unit that answers where this one was in its place; what is set of the old one stays with the old one. Gives the new attachment.
   * Throws instrument.unknown, call.invalid when no other unit answers there, and what `open` throws: the old one is detached then.
   */
  async adopt(id: string): Promise<Attachment> {
    const { stranger, label, options } = this.find(id);
    if (!stranger)
      throw new LabError('call.invalid', `No other instrument answers in the place of ${label}. Nothing was changed.`, {
        instrument: id,
      });
    const other = this.#parts.known.of(instrumentId(parseIdentity(stranger.idn), stranger.resource));
    await this.close(id);
    // It answered under the settings of the old one.
    return this.open(stranger.resource, { options: other?.options ?? options });
  }

  async close(id: string): Promise<void> {
    const attachment = this.find(id);
    this.#attached.delete(id);
    this.#resources.delete(id);
    try {
      await attachment[Symbol.asyncDispose]();
    } finally {
      // Whatever its wire says at the end: it is gone.
      this.#parts.channels.removeOf(id);
      this.#parts.board.publish('instrument.removed', { instrument: id });
      this.#parts.touched();
    }
  }

  rename(id: string, label: string): void {
    const attachment = this.find(id);
    attachment.label = label;
    this.#remember(attachment, attachment.resource);
    this.#show(attachment);
    this.#parts.touched();
  }

  /** What is shown of it has changed elsewhere: its lock. */
  show(id: string): void {
    const attachment = this.#attached.get(id);
    if (attachment) this.#show(attachment);
  }

  async closeAll(): Promise<void> {
    await Promise.allSettled(this.all.map(({ id }) => this.close(id)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#opening.values());
    await Promise.all(this.all.map((attachment) => attachment[Symbol.asyncDispose]()));
    this.#attached.clear();
  }

  #at(resource: string): Attachment | undefined {
    return this.all.find((attachment) => attachment.resource === resource && attachment.stranger === undefined);
  }

  async #attach(resource: string, request: OpenRequest): Promise<Attachment> {
    const { known, adapterAt } = this.#parts;
    let attachment: Attachment | undefined;
    const options = request.options ?? known.at(resource, await adapterAt(resource))?.options ?? {};
    const link = await openInstrumentLink(
      resource,
      this.#place(() => attachment),
      options,
    );
    const id = instrumentId(link.identity, resource);
    const same = this.#attached.get(id);
    if (same) {
      await link[Symbol.asyncDispose]();
      // If it waits to come back, it finds itself here.
      if (same.resource !== resource) this.#remember(same, resource);
      return same;
    }
    const label = request.label ?? known.of(id)?.label ?? instrumentLabel(link.identity, resource);
    attachment = new Attachment(link, label, this.#host(), options, request.queries);
    this.#attached.set(id, attachment);
    this.#show(attachment);
    attachment.start();
    this.#parts.safety.attached(id, label);
    this.#remember(attachment, resource);
    this.#parts.touched();
    return attachment;
  }

  /** How it is called and attached, and where it is, stays with the unit: by its maker, model and serial number. */
  #remember({ id, identity, label, options }: Attachment, resource: string): void {
    const { known, adapterAt, clock, isSimulated } = this.#parts;
    const seenNs = String(clock.nowNs());
    void adapterAt(resource).then((adapter) => {
      const path = isSimulated(resource) ? undefined : { resource, seenNs, ...(adapter ? { adapter } : {}) };
      known.remember({ id, identity, label, options, path });
    });
  }

  #isInUse(resource: string): boolean {
    return this.all.some((one) => one.resource === resource && one.isConnected) || this.#opening.has(resource);
  }

  /** Ways to a unit that nobody else has in use. */
  async #otherPaths(attached: AttachedAt, signal: AbortSignal): Promise<string[]> {
    const ways = await this.#parts.waysTo(attached, signal);
    return [...new Set(ways)].filter((resource) => resource !== attached.resource && !this.#isInUse(resource));
  }

  #place(attached: () => Attached | undefined): LinkPlace {
    return {
      clock: this.#parts.clock,
      timeoutMs: this.#parts.timeoutMs(),
      choose: chooseFamily,
      named: familyNamed,
      remote: (resource) => this.#parts.remote(resource),
      report: (error) => {
        const attachment = this.#attached.get(attached()?.id ?? '');
        if (attachment) attachment.complain(error);
        else this.#parts.events.add({ kind: 'instrument-error', severity: 'warning', text: error.message });
      },
    };
  }

  #host(): AttachmentHost {
    const { clock, registry, sink, channels, events, exchanged } = this.#parts;
    return {
      clock,
      registry,
      sink,
      localOnDetach: () => this.#parts.localOnDetach(),
      linkPlace: (attached) => this.#place(() => attached),
      otherPaths: (attached, signal) => this.#otherPaths(attached, signal),
      isInUse: (resource) => this.#isInUse(resource),
      met: (identity, resource) => {
        const other = this.#attached.get(instrumentId(identity, resource));
        if (other && !other.isConnected) this.#remember(other, resource);
      },
      rateOf: (instrument, channel) => channels.settings[`${instrument}/${channel}`]?.rateHz,
      wantedHz: (instrument, channel) => channels.wants.of(`${instrument}/${channel}`),
      declareChannels: ({ id, label }, stream, columns, rateHz) =>
        channels.declare({ instrument: id, instrumentLabel: label, stream, columns, rateHz }),
      dropChannels: ({ id }, names) => channels.remove(names.map((name) => `${id}/${name}`)),
      declareWaveforms: ({ id, label }, columns) =>
        channels.declare({ instrument: id, instrumentLabel: label, stream: `${id}/waveform`, columns, rateHz: 0 }),
      changed: ({ id }) => {
        const attachment = this.#attached.get(id);
        if (!attachment) return;
        const isElsewhere = this.#resources.get(id) !== attachment.resource;
        this.#show(attachment);
        if (!isElsewhere) return;
        this.#remember(attachment, attachment.resource);
        this.#parts.touched();
      },
      event: (draft) => void events.add(draft),
      safety: this.#parts.safety,
      exchanged,
    };
  }

  #show(attachment: Attachment): void {
    this.#resources.set(attachment.id, attachment.resource);
    const lock = this.#parts.lockOf(attachment.id);
    const instrument = { ...attachment.state, ...(lock ? { lock } : {}) };
    this.#parts.board.publish('instrument.changed', { instrument });
  }
}
