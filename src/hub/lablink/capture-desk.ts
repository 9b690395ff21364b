import type { BenchState } from '../../contract/bench-schema.ts';
import { LabError } from '../../core/errors.ts';
import { askerOf } from '../access/asker.ts';
import type { Principal } from '../access/principal.ts';
import type { Equipment } from '../bench/equipment.ts';
import type { HubBench } from '../bench/hub-bench.ts';
import { type RawHistoryPiece, readRawHistory } from '../bench/raw-history.ts';
import { checkChannel } from './reading.ts';

/** One waveform of one channel. */
export interface Capture {
  equipment: string;
  channel: number;
  /** Of the trigger. */
  timeNs: bigint;
  dtS: number;
  /** From the trigger to the first sample. */
  xOriginS: number;
  samples: Float64Array<ArrayBuffer>;
  unit: string;
  /** Names it: the same segment has the same. */
  id: string;
}

const LAST_NS = 9_223_372_036_854_775_807n;
const MAX_SAMPLES = 1_000_000;
/** Waveforms kept, one of each channel; the oldest goes. */
const MAX_KEPT = 64;

/** Waveforms, taken now or the newest anybody took. */
export class CaptureDesk implements Disposable {
  readonly #bench: HubBench;
  readonly #kept = new Map<string, Capture>();

  constructor(bench: HubBench) {
    this.#bench = bench;
  }

  /** Takes one now. Throws hub.unsupported for equipment without waveforms, call.invalid, call.denied, instrument.*. */
  async capture(principal: Principal, equipment: Equipment, channel: number): Promise<Capture> {
    const name = waveformOf(equipment, channel);
    const input = { instrument: equipment.instrument.id, channels: [name] };
    const { stream } = await this.#bench.client.call('instrument.capture', input, {
      as: askerOf(principal, 'lablink', 'capture'),
    });
    const taken = await this.#read(equipment, channel, name, stream);
    if (taken) return taken;
    throw new LabError('instrument.silent', `${equipment.instrument.label} gave no waveform. Try again.`);
  }

  /** The newest of a channel, whoever took it; undefined: none yet. */
  async newest(equipment: Equipment, channel: number): Promise<Capture | undefined> {
    const name = waveformOf(equipment, channel);
    const stream = this.#bench.state.channels.find(({ id }) => id === `${equipment.instrument.id}/${name}`)?.stream;
    return stream === undefined ? undefined : this.#read(equipment, channel, name, stream);
  }

  /** What was read last, without asking again. */
  kept(equipment: string, channel: number): Capture | undefined {
    return this.#kept.get(`${equipment}/${channel}`);
  }

  /** Lets go of what is kept of one equipment, or of all; gives how many. */
  forget(equipment: string | undefined): number {
    const keys = [...this.#kept].filter(([, one]) => equipment === undefined || one.equipment === equipment);
    for (const [key] of keys) this.#kept.delete(key);
    return keys.length;
  }

  [Symbol.dispose](): void {
    this.#kept.clear();
  }

  async #read(equipment: Equipment, channel: number, name: string, stream: string): Promise<Capture | undefined> {
    const { pieces } = await readRawHistory(this.#bench.client, {
      channels: [`${equipment.instrument.id}/${name}`],
      fromNs: 0n,
      toNs: LAST_NS,
      limit: MAX_SAMPLES,
    });
    const columns = infoOf(this.#bench.state, stream);
    const unit = columns.find((column) => column.channel === name)?.unit ?? 'V';
    const capture = join(pieces, { equipment: equipment.id, channel, unit });
    if (!capture) return undefined;
    const key = `${equipment.id}/${channel}`;
    this.#kept.delete(key);
    this.#kept.set(key, capture);
    if (this.#kept.size > MAX_KEPT) {
      const [oldest] = this.#kept.keys();
      if (oldest !== undefined) this.#kept.delete(oldest);
    }
    return capture;
  }
}

function infoOf(state: BenchState, key: string): BenchState['streams'][number]['columns'] {
  return state.streams.find((stream) => stream.key === key)?.columns ?? [];
}

/** The pieces of one segment in one; they come in order. */
function join(
  pieces: readonly RawHistoryPiece[],
  of: Pick<Capture, 'equipment' | 'channel' | 'unit'>,
): Capture | undefined {
  const first = pieces[0];
  if (!first) return undefined;
  const samples = new Float64Array(pieces.reduce((sum, { block }) => sum + block.batch.rows, 0));
  let at = 0;
  for (const { batch } of pieces.map(({ block }) => block)) {
    const column = batch.columns[0];
    if (column) samples.set(column.subarray(0, batch.rows), at);
    at += batch.rows;
  }
  const { t0Ns, dtS, xOriginS, seq } = first.block.batch;
  return { ...of, timeNs: t0Ns, dtS, xOriginS, samples, id: `waveform_${first.stream}_${seq}` };
}

/** Throws hub.unsupported, call.invalid. */
function waveformOf(equipment: Equipment, channel: number): string {
  const { waveforms, label } = equipment.instrument;
  if (waveforms.length === 0)
    throw new LabError('hub.unsupported', `${label} has no waveforms. Ask for readings.`, { equipment: equipment.id });
  checkChannel(equipment, channel);
  const found = waveforms.find((name) => name.startsWith(`ch${channel}.`));
  if (found === undefined) throw new LabError('call.invalid', `${label} has no waveform of channel ${channel}.`);
  return found;
}
