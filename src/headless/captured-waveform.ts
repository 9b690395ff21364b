import { viewFrame } from '../contract/frame-read.ts';
import type { RawFrameBlock } from '../contract/frames.ts';
import type { Column } from '../core/batch.ts';
import { LabError } from '../core/errors.ts';
import type { StreamInfo } from '../core/stream-info.ts';
import type { Attached } from './attachment.ts';
import type { Screen } from './screen.ts';

/** Later than any waveform; ns since 1970. */
const FOREVER_NS = String(2n ** 62n);

/** One capture, every sample of it. */
export interface CapturedWaveform {
  /** Name, unit and samples of each channel; NaN is missing, infinite overload. */
  channels: { name: string; unit: string; values: Float64Array | Float32Array }[];
  /** When it was read, ns since 1970. */
  timeNs: bigint;
  /** Time of the first sample from the trigger, and from one sample to the next; s. */
  xOriginS: number;
  dtS: number;
  rows: number;
}

/** The waveform channels meant: `ch1` or `ch1.waveform`; without any, those that are shown. Throws channel.unknown. */
export function chooseWaveforms({ instrument }: Attached, wanted: readonly string[]): string[] {
  const { label, waveforms, values } = instrument;
  if (waveforms.length === 0) throw new LabError('channel.unknown', `${label} has no waveforms to capture.`);
  const groupOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('.')));
  const names = wanted.map((name) => {
    const found = waveforms.find((known) => known === name || groupOf(known) === name);
    if (found !== undefined) return found;
    throw new LabError('channel.unknown', `${label} has no waveform of "${name}". It has: ${waveforms.join(', ')}.`);
  });
  if (names.length > 0) return [...new Set(names)];
  const shown = waveforms.filter((name) => values[`${groupOf(name)}.display`]?.readBack !== false);
  if (shown.length > 0) return shown;
  throw new LabError(
    'channel.unknown',
    `${label} shows no channel, so there is no waveform. Name one with --channels.`,
  );
}

/** Takes a waveform now and reads every sample of it. Throws what instrument.capture throws, engine errors. */
export async function captureWaveform(
  { client }: Screen,
  instrument: string,
  channels: string[],
  signal: AbortSignal,
): Promise<CapturedWaveform> {
  const request = 1;
  const blocks: RawFrameBlock[] = [];
  const stop = client.onFrame((frame) => {
    for (const block of viewFrame(frame).blocks) {
      if (block.isReply && block.id === request && block.kind === 'raw') blocks.push(block);
    }
  });
  try {
    const { stream: key } = await client.call('instrument.capture', { instrument, channels }, { signal });
    const ids = channels.map((channel) => `${instrument}/${channel}`);
    const range = { fromNs: '0', toNs: FOREVER_NS, channels: ids };
    const { streams } = await client.call('history.read', { ...range, request, raw: true }, { signal });
    const info = streams.find((stream) => stream.key === key);
    const own = blocks.filter(({ stream }) => stream === info?.id).sort((a, b) => a.batch.seq - b.batch.seq);
    if (info && own.length > 0) return joined(info, own);
  } finally {
    stop();
  }
  throw new LabError('protocol.malformed', 'The waveform was taken, but the engine no longer holds it. Try again.');
}

function joined(info: StreamInfo, blocks: readonly RawFrameBlock[]): CapturedWaveform {
  const [first] = blocks;
  const rows = blocks.reduce((sum, { batch }) => sum + batch.rows, 0);
  const channels = (first?.channels ?? []).map((at, index) => {
    const values =
      first?.batch.columns[index] instanceof Float64Array ? new Float64Array(rows) : new Float32Array(rows);
    let row = 0;
    for (const { batch } of blocks) {
      const column: Column | undefined = batch.columns[index];
      if (column) values.set(column, row);
      row += batch.rows;
    }
    return { name: info.columns[at]?.channel ?? '', unit: info.columns[at]?.unit ?? '', values };
  });
  const { t0Ns = 0n, xOriginS = 0, dtS = 0 } = first?.batch ?? {};
  return { channels, timeNs: t0Ns, xOriginS, dtS, rows };
}
