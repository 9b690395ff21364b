import { type ReactElement, useEffect, useRef } from 'react';
import type { PlotBoard } from './plot-board.ts';
import type { PlotChannel } from './plot-channel.ts';

/** Waveforms of a scope: the newest segment of each channel over its own time, trigger at 0. */
export function SegmentView({ board, channels }: { board: PlotBoard; channels: readonly PlotChannel[] }): ReactElement {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    return host.current ? board.attachSegments(channels, host.current) : undefined;
  }, [board, channels]);
  return <div ref={host} className="plot-canvas" data-testid="segment-canvas" />;
}
