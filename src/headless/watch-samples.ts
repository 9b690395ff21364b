import { viewFrame } from '../contract/frame-read.ts';
import { LabError } from '../core/errors.ts';
import type { StreamInfo } from '../core/stream-info.ts';
import type { Shell } from './command.ts';
import type { SampleLine } from './sample-lines.ts';
import { samplesOf } from './sample-lines.ts';
import type { Screen } from './screen.ts';
import { isoTimestamp } from './timestamp.ts';

export interface SampleWatch {
  channels: string[];
  /** How long nothing may come; ms. Undefined: for ever. */
  silenceMs?: number | undefined;
  /** `live` or the id of a replay. */
  origin?: string | undefined;
  /** Aborts when its source has ended: it goes on until all that was sent before is there. */
  over?: AbortSignal | undefined;
  /** Called when the watch is set: nothing that comes from here on is missed. */
  started?: (() => Promise<unknown>) | undefined;
}

/** So long after the end of its source nothing may have come, and nothing wait to be printed; ms. */
const QUIET_MS = 1000;

/** Samples as they come. A slow reader costs the engine nothing: credit is given back when a frame is printed. */
export async function* watchSamples(
  { client }: Screen,
  { channels, silenceMs, origin = 'live', over, started }: SampleWatch,
  { signal, say }: Shell,
): AsyncGenerator<SampleLine> {
  const streams = new Map<number, StreamInfo>();
  const frames: ArrayBuffer[] = [];
  let wake = (): void => {};
  client.on('stream.opened', ({ stream }) => void streams.set(stream.id, stream));
  client.on('instrument.changed', ({ instrument }) => {
    if (instrument.state === 'reconnecting') say(`${instrument.label} is gone; reconnecting.`);
  });
  client.onFrame((frame) => {
    frames.push(frame);
    wake();
  });
  signal.addEventListener('abort', () => wake(), { once: true });
  over?.addEventListener('abort', () => wake(), { once: true });
  let end: LabError | undefined;
  void client.closed.then((error) => {
    end = error;
    wake();
  });
  const answer = await client.call('stream.watch', { channels, origin, mode: { kind: 'raw' } }, { signal });
  for (const stream of answer.streams) streams.set(stream.id, stream);
  await started?.();
  while (!signal.aborted) {
    const buffer = frames.shift();
    if (!buffer) {
      if (end) throw end;
      const limitMs = over?.aborted ? QUIET_MS : silenceMs;
      const inTime = await new Promise<boolean>((resolve) => {
        const timer = limitMs === undefined ? undefined : setTimeout(() => resolve(false), limitMs);
        wake = () => {
          clearTimeout(timer);
          resolve(true);
        };
      });
      if (inTime) continue;
      if (over?.aborted) return;
      throw new LabError('transport.timeout', `No sample came for ${(silenceMs ?? 0) / 1000} s. Is it measuring?`);
    }
    const frame = viewFrame(buffer);
    for (const block of frame.blocks) {
      if (block.isReply || block.id !== answer.watch) continue;
      if (block.kind === 'skipped')
        say(`Samples ${block.from} to ${block.to} came too fast to print and are left out.`);
      if (block.kind === 'gap') say(`The engine lacks ${block.lost} rows (${block.reason}).`);
      const stream = streams.get(block.stream);
      if (block.kind === 'raw' && stream) yield* samplesOf(block, stream);
    }
    if (frame.number > 0) client.tell('watch.seen', { frame: frame.number });
  }
}

/** One sample as a line of JSON. */
export function sampleJson({ timeNs, channel, value, unit, state }: SampleLine): object {
  return { t: isoTimestamp(timeNs), channel, value, unit, ...(state ? { state } : {}) };
}

/** One sample as a line of text. */
export function sampleText({ timeNs, channel, value, unit, state }: SampleLine): string {
  return `${isoTimestamp(timeNs)}  ${channel}  ${value ?? state ?? ''}${value === null ? '' : ` ${unit}`}`.trimEnd();
}
