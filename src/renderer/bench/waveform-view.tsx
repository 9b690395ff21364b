import { type ReactElement, useEffect, useRef, useState } from 'react';
import type { Client } from '../../contract/client.ts';
import type { SegmentFrameBlock } from '../../contract/frames.ts';
import type { ChannelState, InstrumentState } from '../../contract/instrument-schema.ts';
import { channelId } from '../../core/stream-info.ts';
import { formatQuantity } from '../../core/units-format.ts';
import { benchStore, clientStore } from '../engine-link.ts';
import { framesOf } from '../sample-frames.ts';
import { useStore } from '../store.ts';
import { colorOf } from './instrument-words.ts';
import { DIVISIONS_Y, drawWaveform, sideBeyond, type WaveformTrace } from './waveform-canvas.ts';

const WIDTH = 400;

interface WaveformProps {
  instrument: InstrumentState;
  channels: ChannelState[];
}

/** The last waveform the scope gave, min and max a pixel. */
export function WaveformView(props: WaveformProps): ReactElement {
  const { instrument, channels } = props;
  const client = useStore(clientStore, (value) => value);
  const canvas = useRef<HTMLCanvasElement>(null);
  const traces = useRef(new Map<string, WaveformTrace>());
  const [span, setSpan] = useState('');
  const [beyond, setBeyond] = useState('');
  const wanted = channels
    .filter((channel) => instrument.waveforms.includes(channel.name))
    .map((channel) => channel.id)
    .join('\n');
  const shown = useRef(props);
  shown.current = props;

  useEffect(() => {
    if (!client || !wanted) return;
    const paint = (): void => {
      if (!canvas.current) return;
      const drawn = [...traces.current.entries()].map(([id, trace]) => ({
        ...trace,
        id,
        color: cssColor(shown.current.channels, id),
        window: screenOf(shown.current, id),
      }));
      drawWaveform(canvas.current, drawn);
      setBeyond(
        drawn
          .flatMap((trace) => {
            const side = sideBeyond(trace);
            return side ? `${groupOf(shown.current.channels, trace.id).toUpperCase()} is ${side} the screen` : [];
          })
          .join(' · '),
      );
    };
    const stopped = watchSegments(client, wanted.split('\n'), (block) => {
      const stream = benchStore.get()?.streams.find((item) => item.id === block.stream);
      if (!stream) return;
      block.channels.forEach((column, index) => {
        const name = stream.columns[column]?.channel;
        if (name) mergeTrace(traces.current, channelId(stream.instrument, name), block, index);
      });
      const longest = [...traces.current.values()].reduce((most, trace) => Math.max(most, trace.spanS), 0);
      setSpan(formatQuantity(longest, 's', { digits: 3 }).text);
      paint();
    });
    paint();
    addEventListener('labwire-look', paint);
    return () => {
      removeEventListener('labwire-look', paint);
      void stopped.then((stop) => stop());
    };
  }, [client, wanted]);

  return (
    <div className="waveform">
      <canvas ref={canvas} aria-label={span ? `Last waveform over ${span}` : 'No waveform yet'} role="img" />
      {!span && <span className="quiet">No waveform yet: Capture takes one.</span>}
      {span && <span className="waveform-span num">{span}</span>}
      {beyond && <span className="waveform-beyond">{beyond}: change its scale or offset</span>}
    </div>
  );
}

async function watchSegments(
  client: Client,
  channels: string[],
  take: (block: SegmentFrameBlock) => void,
): Promise<() => void> {
  try {
    const { watch } = await client.call('stream.watch', { channels, mode: { kind: 'segments', width: WIDTH } });
    const stop = framesOf(client).onWatch(watch, (block) => {
      if (block.kind === 'segment') take(block);
    });
    return () => {
      stop();
      client.call('watch.close', { watch }).catch(() => {});
    };
  } catch {
    // The link ended or the channels went away: the next render starts another watch.
    return () => {};
  }
}

/** Blocks of one segment belong together; another number begins a new one. Copies, for the block borrows its frame. */
function mergeTrace(traces: Map<string, WaveformTrace>, id: string, block: SegmentFrameBlock, index: number): void {
  const { min, max, length, n, rows, dtS } = block.columns;
  const low = Float64Array.from(min[index] ?? []);
  const high = Float64Array.from(max[index] ?? []);
  const known = traces.get(id);
  const isSame =
    known?.number === block.number && known.n === n && length > 0 && block.columns.firstRow > known.firstRow;
  if (!isSame) {
    traces.set(id, { number: block.number, n, firstRow: block.columns.firstRow, low, high, spanS: rows * dtS });
    return;
  }
  traces.set(id, {
    ...known,
    low: Float64Array.from([...known.low, ...low]),
    high: Float64Array.from([...known.high, ...high]),
    spanS: known.spanS + rows * dtS,
  });
}

/** `ch1` of `…/ch1.waveform`. */
function groupOf(channels: readonly ChannelState[], id: string): string {
  return channels.find((item) => item.id === id)?.name.split('.')[0] ?? '';
}

/** What the scope's own screen spans for a channel: 8 divisions around its offset. */
function screenOf(props: WaveformProps, id: string): { low: number; high: number } | undefined {
  const group = groupOf(props.channels, id);
  const scale = props.instrument.values[`${group}.scale`]?.readBack;
  const offset = props.instrument.values[`${group}.offset`]?.readBack;
  if (typeof scale !== 'number' || typeof offset !== 'number' || scale <= 0) return undefined;
  return { low: -offset - (scale * DIVISIONS_Y) / 2, high: -offset + (scale * DIVISIONS_Y) / 2 };
}

function cssColor(channels: readonly ChannelState[], id: string): string {
  const channel = channels.find((item) => item.id === id);
  const color = channel ? colorOf(channel) : 'var(--ch1)';
  const token = /^var\((.*)\)$/.exec(color)?.[1];
  return token ? getComputedStyle(document.documentElement).getPropertyValue(token).trim() : color;
}
