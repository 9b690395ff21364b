import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { channelOf } from '../bench/controls.ts';
import type { Equipment } from '../bench/equipment.ts';
import type { HubBench } from '../bench/hub-bench.ts';
import { Acquisition, type AcquisitionConfig } from './acquisition.ts';
import { SampleRing } from './sample-ring.ts';

/** As a client asks for it. */
export interface AcquisitionAsk extends Omit<AcquisitionConfig, 'channels' | 'equipment'> {
  channels: readonly string[];
}

export interface AcquisitionLimits {
  acquisitions: number;
  /** Of the buffers of all together. */
  bytes: number;
}

export const ACQUISITION_LIMITS: AcquisitionLimits = { acquisitions: 100, bytes: 128 * 1024 * 1024 };

/** The acquisitions of all clients; they live in the hub and end with it. */
export class AcquisitionBook implements Disposable {
  readonly #bench: HubBench;
  readonly #clock: Clock;
  readonly #limits: AcquisitionLimits;
  readonly #byId = new Map<string, Acquisition>();

  constructor(bench: HubBench, clock: Clock, limits: AcquisitionLimits = ACQUISITION_LIMITS) {
    this.#bench = bench;
    this.#clock = clock;
    this.#limits = limits;
  }

  get all(): readonly Acquisition[] {
    return [...this.#byId.values()];
  }

  /** Throws call.invalid for a channel the equipment does not have, call.limit. */
  create(equipment: Equipment, ask: AcquisitionAsk): Acquisition {
    const channels = ask.channels.map((word) => ({ word, ...channelOfWord(equipment, word) }));
    const asked = SampleRing.bytes(channels.length, ask.bufferSize);
    const used = this.all.reduce(
      (sum, { config }) => sum + SampleRing.bytes(config.channels.length, config.bufferSize),
      0,
    );
    if (this.#byId.size >= this.#limits.acquisitions || used + asked > this.#limits.bytes)
      throw new LabError(
        'call.limit',
        `The acquisitions of this hub take as much memory as they may (${this.#byId.size} of them). Nothing was made; delete one, or ask for a smaller buffer.`,
      );
    const acquisition = new Acquisition(this.#bench, this.#clock, { ...ask, equipment: equipment.id, channels });
    this.#byId.set(acquisition.id, acquisition);
    return acquisition;
  }

  /** Throws hub.unknown. */
  get(id: string): Acquisition {
    const known = this.#byId.get(id);
    if (known) return known;
    throw new LabError('hub.unknown', `Acquisition session ${id.slice(0, 100)} not found`);
  }

  /** Throws hub.unknown. */
  remove(id: string): void {
    this.get(id)[Symbol.dispose]();
    this.#byId.delete(id);
  }

  [Symbol.dispose](): void {
    for (const acquisition of this.#byId.values()) acquisition[Symbol.dispose]();
    this.#byId.clear();
  }
}

/** What `CH1` means: the voltage of a supply's channel, the current of a load, the average of a scope's channel, else the n-th channel. */
const FIRST_NAMES = { supply: 'voltage', load: 'current', scope: 'vavg', meter: '', stream: '', unknown: '' } as const;

/** A channel by LabLink's `CHn`, or by our own name (`ch2.current`). Throws call.invalid. */
function channelOfWord(equipment: Equipment, word: string): { channel: string; stream: string } {
  const sampled = equipment.channels.filter(({ stream }) =>
    equipment.streams.some(({ info }) => info.key === stream && info.kind !== 'segment'),
  );
  const own = sampled.find(({ name }) => name === word);
  const number = Number(/^CH(\d{1,3})$/i.exec(word)?.[1] ?? 0);
  const name = FIRST_NAMES[equipment.instrument.role];
  const found =
    own ?? (number === 0 ? undefined : name === '' ? sampled[number - 1] : channelOf(equipment, number, name));
  if (found) return { channel: found.id, stream: found.stream };
  const known = sampled.map((channel) => channel.name).join(', ');
  throw new LabError(
    'call.invalid',
    `${equipment.id} has no channel ${word.slice(0, 60)}. There are CH1 and so on, and: ${known}. Nothing was made.`,
  );
}
