import { type ReactElement, useEffect, useRef } from 'react';
import { formatQuantity } from '../../core/units-format.ts';
import { heldPrefix } from '../held-prefix.ts';
import { latestValues } from '../latest-values.ts';
import { setText } from './painted-text.ts';
import type { PlotBoard } from './plot-board.ts';
import { CHANNEL_MIME, type PlotChannel } from './plot-channel.ts';

/** Words change that often: faster nobody reads. */
const PAINT_MS = 100;

interface LegendChipProps {
  board: PlotBoard;
  plot: string;
  channel: PlotChannel;
  /** Says what a pixel stands for; where there are many chips the plot says it once. */
  hasRemark: boolean;
  onRemove: () => void;
}

/** Colour, label, value and what a pixel stands for. The value is the newest, or the one under the pointer; painted outside React. */
export function LegendChip({ board, plot, channel, hasRemark, onRemove }: LegendChipProps): ReactElement {
  const value = useRef<HTMLElement>(null);
  const remark = useRef<HTMLElement>(null);
  useEffect(() => {
    let paintedMs = 0;
    const step = channel.resolution ?? undefined;
    let previous: ReturnType<typeof formatQuantity>['prefix'] | undefined;
    const paint = (nowMs: number): void => {
      if (nowMs - paintedMs < PAINT_MS) return;
      paintedMs = nowMs;
      // A waveform has no one value.
      if (channel.isWaveform) return;
      const shown = formatQuantity(shownValue(board, channel), channel.unit, {
        resolution: step,
        previous,
        prefix: heldPrefix(step, channel.unit),
      });
      previous = shown.prefix;
      setText(value.current, shown.text);
      const samples = board.canvas(plot)?.samplesPerPixel(channel.id) ?? 1;
      setText(remark.current, samples > 1 && hasRemark ? `min/max of ${samples} samples a pixel` : '');
    };
    board.onPaint.add(paint);
    return () => void board.onPaint.delete(paint);
  }, [board, plot, channel, hasRemark]);
  const color = typeof channel.color === 'number' ? `var(--ch${channel.color})` : channel.color;
  return (
    <li
      className="plot-chip"
      draggable
      title={`${channel.group} · ${channel.label}`}
      onDragStart={(event) => event.dataTransfer.setData(CHANNEL_MIME, channel.id)}
    >
      <i
        data-dash={typeof channel.color === 'number' && channel.color > 4 ? channel.color : undefined}
        style={{ color }}
      />
      <span className="cut">{channel.label}</span>
      <b ref={value} className="num" />
      <em ref={remark} />
      <button type="button" title="Take off this plot" aria-label={`Remove ${channel.label}`} onClick={onRemove}>
        ×
      </button>
    </li>
  );
}

/** In shown units; NaN while there is none. */
function shownValue(board: PlotBoard, channel: PlotChannel): number {
  if (board.hoverS !== undefined) return board.valueAt(channel.id, board.hoverS);
  const latest = board.origin === 'live' ? latestValues.get(channel.id) : undefined;
  if (latest) return channel.gain * latest.value + channel.offset;
  return board.lastValue(channel.id);
}
