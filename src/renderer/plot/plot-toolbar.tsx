import type { ReactElement } from 'react';
import { Allowed } from '../control/allowed.tsx';
import { Icon } from '../control/icon.tsx';
import { useStore } from '../store.ts';
import { formatDuration } from '../text-format.ts';
import type { PlotBoard } from './plot-board.ts';

const SPANS: readonly { label: string; spanS: number }[] = [
  { label: '10 s', spanS: 10 },
  { label: '1 min', spanS: 60 },
  { label: '10 min', spanS: 600 },
  { label: '1 h', spanS: 3600 },
];

interface PlotToolbarProps {
  board: PlotBoard;
  onNote: () => void;
  onAddPlot: () => void;
}

/** Window, pause, cursors, notes and the way of counting time. */
export function PlotToolbar({ board, onNote, onAddPlot }: PlotToolbarProps): ReactElement {
  const { kind, spanS, paused, timeStyle, hasCursors } = useStore(board.state, (state) => state);
  const isLive = board.origin === 'live';
  const known = SPANS.some((item) => item.spanS === spanS);
  return (
    <div className="plot-tools" role="toolbar" aria-label="View of the plots">
      <div className="seg">
        {SPANS.map((item) => (
          <button
            type="button"
            key={item.label}
            aria-pressed={kind === 'live' && spanS === item.spanS}
            onClick={() => board.setSpan(item.spanS)}
          >
            {item.label}
          </button>
        ))}
        <button type="button" aria-pressed={kind === 'all'} onClick={() => board.setSpan('all')}>
          All
        </button>
      </div>
      {isLive && (
        <button
          type="button"
          className="btn"
          aria-pressed={paused}
          title="Freezes the view; samples keep coming (Space)"
          onClick={() => board.view.togglePause()}
        >
          {paused ? '▶ Resume' : '❚❚ Pause'}
        </button>
      )}
      <button
        type="button"
        className="btn"
        aria-pressed={hasCursors}
        title="Two cursors with their differences (C)"
        onClick={() => board.view.toggleCursors()}
      >
        Cursors
      </button>
      {isLive && (
        <Allowed right="control">
          <button type="button" className="btn" title="A note at this moment (N)" onClick={onNote}>
            Note
          </button>
        </Allowed>
      )}
      {kind === 'fixed' && (
        <button
          type="button"
          className="btn plot-back"
          title="Double click in a plot does the same"
          onClick={() => board.reset()}
        >
          <Icon name="reset" />
          {isLive ? 'Back to live' : 'Whole recording'}
        </button>
      )}
      <span className="grow" />
      <span className="quiet plot-span">{kind === 'all' || known ? '' : formatDuration(spanS)}</span>
      <button
        type="button"
        className="btn bare plot-time"
        title="How the time axis counts; all plots move together"
        onClick={() => board.setTimeStyle(timeStyle === 'absolute' ? 'relative' : 'absolute')}
      >
        {timeStyle === 'absolute' ? 'absolute' : 'relative'}
        <span className="plot-linked">time · linked</span>
      </button>
      <button type="button" className="btn" title="Another plot below" aria-label="Add plot" onClick={onAddPlot}>
        <Icon name="plus" />
        <span className="plot-word">Plot</span>
      </button>
    </div>
  );
}
