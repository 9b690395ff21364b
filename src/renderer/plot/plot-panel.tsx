import { type DragEvent, type ReactElement, useEffect, useMemo, useRef, useState } from 'react';
import type { PlotLayout } from '../../contract/bench-schema.ts';
import { Icon } from '../control/icon.tsx';
import { useStore } from '../store.ts';
import { ChannelMenu } from './channel-menu.tsx';
import { CursorTable } from './cursor-table.tsx';
import { distinctColors } from './distinct-colors.ts';
import { LegendChip } from './legend-chip.tsx';
import { setText } from './painted-text.ts';
import type { PlotBoard } from './plot-board.ts';
import { CHANNEL_MIME } from './plot-channel.ts';
import { PlotInput } from './plot-input.ts';
import { SegmentView } from './segment-view.tsx';

/** Chips that each say what a pixel stands for; of more the plot says it once. */
const MOST_REMARKS = 2;

interface PlotPanelProps {
  board: PlotBoard;
  plot: PlotLayout;
  onChange: (plot: PlotLayout) => void;
  onRemove: () => void;
}

/** One plot: legend, canvas, cursor table. A drop target for channels. */
export function PlotPanel({ board, plot, onChange, onRemove }: PlotPanelProps): ReactElement {
  const channels = useStore(board.state, (state) => state.channels);
  const hasCursors = useStore(board.state, (state) => state.hasCursors);
  const [isTarget, setTarget] = useState(false);
  const shown = useMemo(
    () => distinctColors(plot.channels.flatMap((id) => channels.find((channel) => channel.id === id) ?? [])),
    [plot.channels, channels],
  );
  const isWaveform = shown.length > 0 && shown.every((channel) => channel.isWaveform);
  const add = (id: string): void => {
    if (id && !plot.channels.includes(id)) onChange({ ...plot, channels: [...plot.channels, id] });
  };
  const remove = (id: string): void => onChange({ ...plot, channels: plot.channels.filter((item) => item !== id) });
  const onDrop = (event: DragEvent): void => {
    event.preventDefault();
    setTarget(false);
    for (const id of droppedChannels(event)) add(id);
  };
  return (
    <article
      className="plot"
      aria-label={plot.title || `Plot of ${shown.map((channel) => channel.label).join(', ') || 'nothing yet'}`}
      data-target={isTarget}
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes(CHANNEL_MIME)) return;
        event.preventDefault();
        setTarget(true);
      }}
      onDragLeave={() => setTarget(false)}
      onDrop={onDrop}
    >
      <header className="plot-legend">
        <ul aria-label="Traces">
          {shown.map((channel) => (
            <LegendChip
              key={channel.id}
              board={board}
              plot={plot.id}
              channel={channel}
              hasRemark={shown.length <= MOST_REMARKS}
              onRemove={() => remove(channel.id)}
            />
          ))}
        </ul>
        <ChannelMenu channels={channels} shown={plot.channels} onAdd={add} onRemove={remove} />
        {shown.length > MOST_REMARKS && !isWaveform && <PixelRemark board={board} plot={plot.id} />}
        <button
          type="button"
          className="btn icon plot-remove"
          title="Take this plot away; its channels go on"
          aria-label="Remove plot"
          onClick={onRemove}
        >
          <Icon name="close" />
        </button>
      </header>
      <div className="plot-body">
        {isWaveform ? <SegmentView board={board} channels={shown} /> : <TimePlot board={board} plot={plot.id} />}
        {shown.length === 0 && <p className="plot-hint">Drop a channel here, or add one with +</p>}
        {hasCursors && !isWaveform && <CursorTable board={board} channels={shown} />}
      </div>
    </article>
  );
}

/** What a pixel stands for, once for all traces; painted outside React. */
function PixelRemark({ board, plot }: { board: PlotBoard; plot: string }): ReactElement {
  const remark = useRef<HTMLElement>(null);
  useEffect(() => {
    const paint = (): void => {
      const samples = board.canvas(plot)?.mostSamplesPerPixel ?? 1;
      setText(remark.current, samples > 1 ? `min/max of up to ${samples} samples a pixel` : '');
    };
    board.onPaint.add(paint);
    return () => void board.onPaint.delete(paint);
  }, [board, plot]);
  return <em className="plot-remark" ref={remark} />;
}

/** The element a plot is drawn in; React never looks inside. */
function TimePlot({ board, plot }: { board: PlotBoard; plot: string }): ReactElement {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!host.current) return;
    const detach = board.attach(plot, host.current);
    const canvas = board.canvas(plot);
    const input = canvas && new PlotInput(board, canvas, host.current);
    return () => {
      input?.[Symbol.dispose]();
      detach();
    };
  }, [board, plot]);
  return <div ref={host} className="plot-canvas" data-testid="plot-canvas" />;
}

function droppedChannels(event: DragEvent): string[] {
  const text = event.dataTransfer.getData(CHANNEL_MIME);
  return text ? text.split('\n').slice(0, 50) : [];
}
