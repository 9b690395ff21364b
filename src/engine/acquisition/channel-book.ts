import type { ChannelChange } from '../../contract/calls.ts';
import type { ChannelState } from '../../contract/instrument-schema.ts';
import { LabError } from '../../core/errors.ts';
import { type ColumnInfo, channelId } from '../../core/stream-info.ts';
import type { ChannelSettings } from '../bench/bench-file.ts';
import type { StateBoard } from '../state/state-board.ts';
import { defaultColor } from './channel-color.ts';
import { RateWants } from './rate-wants.ts';

/** Longest label of the contract. */
const MAX_LABEL = 200;

/** What an instrument says of the channels of one of its streams when it is attached. */
export interface ChannelSource {
  instrument: string;
  instrumentLabel: string;
  stream: string;
  columns: ColumnInfo[];
  rateHz: number;
}

/**
 * The channels of the bench: what the instrument says and what the person made of it (label, colour, scale, rates), by channel id.
 * What was set stays with the id while the instrument is away and in the bench file.
 */
export class ChannelBook {
  /** Rates beside the settings, as long as somebody watches. */
  readonly wants = new RateWants();
  readonly #board: StateBoard;
  readonly #channels = new Map<string, ChannelState>();
  #settings = new Map<string, ChannelSettings>();

  constructor(board: StateBoard) {
    this.#board = board;
  }

  /** For the bench file. */
  get settings(): Record<string, ChannelSettings> {
    return Object.fromEntries(this.#settings);
  }

  load(settings: Record<string, ChannelSettings>): void {
    this.#settings = new Map(Object.entries(settings));
  }

  find(id: string): ChannelState {
    const channel = this.#channels.get(id);
    if (!channel)
      throw new LabError(
        'channel.unknown',
        `There is no channel ${id}: its instrument is not attached. Attach it, or choose another channel.`,
        { channel: id },
      );
    return channel;
  }

  get(id: string): ChannelState | undefined {
    return this.#channels.get(id);
  }

  scaleOf(id: string): { gain: number; offset: number } {
    return this.#channels.get(id)?.scale ?? this.#settings.get(id)?.scale ?? { gain: 1, offset: 0 };
  }

  /** Channels appear, or their stream opened anew with other units or rates. Provenance columns (`~…`) are no channels. */
  declare({ instrument, instrumentLabel, stream, columns, rateHz }: ChannelSource): void {
    const changed = columns
      .filter(({ channel }) => !channel.startsWith('~'))
      .map((column, index): ChannelState => {
        const id = channelId(instrument, column.channel);
        const set = this.#settings.get(id) ?? {};
        const known = this.#channels.get(id);
        const color = set.color ?? known?.color ?? defaultColor(column.channel, index);
        return {
          id,
          instrument,
          name: column.channel,
          stream,
          label: set.label ?? `${instrumentLabel} ${column.channel.replaceAll('.', ' ')}`.slice(0, MAX_LABEL),
          unit: column.unit,
          shownUnit: set.shownUnit ?? column.unit,
          scale: set.scale ?? { gain: 1, offset: 0 },
          color,
          resolution: column.resolution ?? null,
          rateAskedHz: set.rateHz ?? rateHz,
          rateGotHz: known?.rateGotHz ?? 0,
          logIntervalS: set.logIntervalS ?? null,
          recorded: set.recorded ?? true,
        };
      });
    for (const channel of changed) this.#channels.set(channel.id, channel);
    if (changed.length > 0) this.#board.publish('channel.changed', { channels: changed });
  }

  /** Throws channel.unknown. */
  change({ channel: id, ...change }: ChannelChange): ChannelState {
    const known = this.find(id);
    const present = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
    this.#settings.set(id, { ...this.#settings.get(id), ...present });
    const { rateHz, ...shown } = present as Omit<ChannelChange, 'channel'>;
    const next = { ...known, ...shown, ...(rateHz === undefined ? {} : { rateAskedHz: rateHz }) } as ChannelState;
    this.#channels.set(id, next);
    this.#board.publish('channel.changed', { channels: [next] });
    return next;
  }

  /** Rates measured, by channel id; small changes are not announced. */
  measured(rates: ReadonlyMap<string, number>): void {
    const changed: ChannelState[] = [];
    for (const [id, rateGotHz] of rates) {
      const known = this.#channels.get(id);
      if (!known || Math.abs(known.rateGotHz - rateGotHz) <= 0.02 * Math.max(known.rateGotHz, rateGotHz)) continue;
      const next = { ...known, rateGotHz };
      this.#channels.set(id, next);
      changed.push(next);
    }
    if (changed.length > 0) this.#board.publish('channel.changed', { channels: changed });
  }

  /** The instrument is detached; what the person set stays. */
  removeOf(instrument: string): void {
    this.remove(
      [...this.#channels.values()].filter((channel) => channel.instrument === instrument).map(({ id }) => id),
    );
  }

  /** Channels that are not there at present; what the person set stays. */
  remove(channels: string[]): void {
    for (const id of channels) this.#channels.delete(id);
    if (channels.length > 0) this.#board.publish('channel.removed', { channels });
  }
}
