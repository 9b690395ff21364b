import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { canonicalResource } from '../../core/resource.ts';
import { Attachment } from '../acquisition/attachment.ts';
import type { Attached, AttachmentHost } from '../acquisition/attachment-host.ts';
import type { ChannelBook } from '../acquisition/channel-book.ts';
import { instrumentId, instrumentLabel } from '../acquisition/instrument-id.ts';
import { type LinkPlace, openInstrumentLink } from '../acquisition/instrument-link.ts';
import type { StreamRegistry } from '../acquisition/stream-registry.ts';
import { chooseFamily } from '../driver/driver-table.ts';
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
  /** What is attached changed: the bench file wants saving. */
  touched(): void;
}

/** The instruments of the bench: attach, detach, find by id. One unit is attached once, whatever the paths to it. */
export class InstrumentTable implements AsyncDisposable {
  readonly #parts: InstrumentTableParts;
  readonly #attached = new Map<string, Attachment>();
  /** By canonical resource: a second click on Attach waits for the first. */
  readonly #opening = new Map<string, Promise<Attachment>>();

  constructor(parts: InstrumentTableParts) {
    this.#parts = parts;
  }

  get all(): Attachment[] {
    return [...this.#attached.values()];
  }

  /** For the bench file. */
  get saved(): BenchInstrument[] {
    return this.all.map(({ id, resource, label, identity }) => ({ id, resource, label, identity }));
  }

  /** Throws instrument.unknown. */
  find(id: string): Attachment {
    const attachment = this.#attached.get(id);
    if (!attachment)
      throw new LabError('instrument.unknown', `${id} is not attached. Attach it first (Ctrl+N).`, { instrument: id });
    return attachment;
  }

  /** Attached at this resource already: that one. Throws resource.*, transport.*, instrument.silent. */
  open(resource: string, label?: string): Promise<Attachment> {
    const canonical = canonicalResource(resource);
    const known = this.all.find((attachment) => attachment.resource === canonical) ?? this.#opening.get(canonical);
    if (known) return Promise.resolve(known);
    const opening = this.#attach(canonical, label).finally(() => this.#opening.delete(canonical));
    this.#opening.set(canonical, opening);
    return opening;
  }

  async close(id: string): Promise<void> {
    const attachment = this.find(id);
    this.#attached.delete(id);
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
    this.#show(attachment);
    this.#parts.touched();
  }

  async closeAll(): Promise<void> {
    await Promise.allSettled(this.all.map(({ id }) => this.close(id)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#opening.values());
    await Promise.all(this.all.map((attachment) => attachment[Symbol.asyncDispose]()));
    this.#attached.clear();
  }

  async #attach(resource: string, label: string | undefined): Promise<Attachment> {
    let attachment: Attachment | undefined;
    const link = await openInstrumentLink(
      resource,
      this.#place(() => attachment),
    );
    const id = instrumentId(link.identity, resource);
    const same = this.#attached.get(id);
    if (same) {
      await link[Symbol.asyncDispose]();
      return same;
    }
    attachment = new Attachment(link, label ?? instrumentLabel(link.identity, resource), this.#host());
    this.#attached.set(id, attachment);
    this.#show(attachment);
    attachment.start();
    this.#parts.touched();
    return attachment;
  }

  #place(attached: () => Attached | undefined): LinkPlace {
    return {
      clock: this.#parts.clock,
      timeoutMs: this.#parts.timeoutMs(),
      choose: chooseFamily,
      report: (error) => {
        const { id, label } = attached() ?? { id: undefined, label: 'Instrument' };
        this.#parts.events.add({
          kind: 'status',
          severity: 'warning',
          text: `${label}: ${error.message}`,
          ...(id ? { instrument: id } : {}),
        });
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
      rateOf: (instrument, channel) => channels.settings[`${instrument}/${channel}`]?.rateHz,
      declareChannels: ({ id, label }, stream, columns, rateHz) =>
        channels.declare({ instrument: id, instrumentLabel: label, stream, columns, rateHz }),
      dropChannels: ({ id }, names) => channels.remove(names.map((name) => `${id}/${name}`)),
      declareWaveforms: ({ id, label }, columns) =>
        channels.declare({ instrument: id, instrumentLabel: label, stream: `${id}/waveform`, columns, rateHz: 0 }),
      changed: ({ id }) => {
        const attachment = this.#attached.get(id);
        if (attachment) this.#show(attachment);
      },
      event: (draft) => void events.add(draft),
      exchanged,
    };
  }

  #show(attachment: Attachment): void {
    this.#parts.board.publish('instrument.changed', { instrument: attachment.state });
  }
}
