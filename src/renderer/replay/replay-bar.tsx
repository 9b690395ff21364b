import { type ReactElement, useEffect, useState } from 'react';
import type { CallInput } from '../../contract/calls.ts';
import type { ReplaySpeed, ReplayState } from '../../contract/replay-schema.ts';
import { act } from '../actions.ts';
import { takeFocus } from '../recordings/first-focus.ts';
import { formatClock, formatDate, formatElapsed, msOf } from '../text-format.ts';
import { closeReplay } from './replay-origin.ts';

const SPEEDS: readonly ReplaySpeed[] = [0.1, 0.25, 0.5, 1, 2, 5, 10, 100, 'max'];
const STATE_WORDS: Record<ReplayState['state'], string> = {
  opening: 'opening',
  paused: 'paused',
  playing: 'playing',
  ended: 'at the end',
  failed: 'failed',
};

/** Plays, seeks, steps; says where it is and what its alarms would have done. */
export function ReplayBar({ replay }: { replay: ReplayState }): ReactElement {
  const { id, name, state, speed, speedGot, isCompared, text, alarms, rules } = replay;
  const isPlaying = state === 'playing';
  const [dragged, setDragged] = useState<number>();
  const set = (change: Omit<CallInput<'replay.set'>, 'replay'>): void =>
    void act('replay.set', { replay: id, ...change });
  const fromMs = msOf(replay.fromNs);
  const spanMs = Math.max(1, msOf(replay.toNs) - fromMs);
  const atMs = dragged ?? msOf(replay.positionNs) - fromMs;
  const seek = (ms: number): void => {
    setDragged(undefined);
    set({ positionNs: String(BigInt(replay.fromNs) + BigInt(Math.round(ms * 1e6))) });
  };
  const raised = alarms.filter((alarm) => alarm.state === 'active' || alarm.state === 'latched');

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
      const target = event.target instanceof Element ? event.target : undefined;
      if (target?.closest('input:not([type=range]), textarea, select')) return;
      // A button has Space for itself.
      if (event.key === ' ' && target?.closest('button')) return;
      if (event.key === ' ') void act('replay.set', { replay: id, play: !isPlaying });
      else if (event.key === '.') void act('replay.set', { replay: id, step: 1 });
      else if (event.key === ',') void act('replay.set', { replay: id, step: -1 });
      else return;
      event.preventDefault();
      // Space would freeze the view of the plot.
      event.stopImmediatePropagation();
    };
    window.addEventListener('keydown', onKey, { capture: true });
    return () => window.removeEventListener('keydown', onKey, { capture: true });
  }, [id, isPlaying]);

  return (
    <div className="replay-bar" role="toolbar" aria-label="Replay">
      <div className="replay-row">
        <b className="cut">{name}</b>
        <span className={state === 'failed' ? 'tone-bad' : 'quiet'} role="status">
          replay, {STATE_WORDS[state]}
          {isPlaying && speedGot > 0 ? ` at ${Number(speedGot.toPrecision(2))}×` : ''}
        </span>
        {text && (
          <span className="tone-warn cut" title={text}>
            {text}
          </span>
        )}
        {raised.length > 0 && (
          <span className="tone-bad cut" title={raised.flatMap(({ did }) => did).join('; ')}>
            {raised.map(({ rule }) => rules.find((one) => one.id === rule)?.name ?? rule).join(', ')}
          </span>
        )}
        <span className="grow" />
        <button
          type="button"
          className="btn small"
          aria-pressed={isCompared}
          disabled={speed !== 1}
          title={speed === 1 ? 'Live channels of the same names beside it' : 'Only at 1×'}
          onClick={() => set({ compare: !isCompared })}
        >
          Compare with live
        </button>
        <button type="button" className="btn small primary" onClick={() => void closeReplay(replay)}>
          End replay
        </button>
      </div>
      <div className="replay-row">
        <button
          ref={takeFocus}
          type="button"
          className="btn icon"
          aria-label={isPlaying ? 'Pause' : 'Play'}
          title={isPlaying ? 'Pause (Space)' : 'Play (Space)'}
          data-testid="replay-play"
          onClick={() => set({ play: !isPlaying })}
        >
          {isPlaying ? '❚❚' : '▶'}
        </button>
        <button
          type="button"
          className="btn icon"
          aria-label="One row back"
          title="One row back (,)"
          onClick={() => set({ step: -1 })}
        >
          ‹
        </button>
        <button
          type="button"
          className="btn icon"
          aria-label="One row on"
          title="One row on (.)"
          onClick={() => set({ step: 1 })}
        >
          ›
        </button>
        <input
          className="replay-seek"
          type="range"
          aria-label="Position"
          aria-valuetext={formatElapsed(atMs / 1000)}
          min={0}
          max={spanMs}
          step={spanMs / 2000}
          value={Math.min(spanMs, Math.max(0, atMs))}
          onChange={(event) => setDragged(Number(event.target.value))}
          onPointerUp={() => dragged !== undefined && seek(dragged)}
          onBlur={() => dragged !== undefined && seek(dragged)}
          onKeyUp={() => dragged !== undefined && seek(dragged)}
        />
        <span className="num replay-position" data-testid="replay-position" title={formatDate(fromMs + atMs)}>
          {formatClock(fromMs + atMs)}
          {/* A row of 10 kS/s is 0.1 ms: a step must be seen. */}
          {!isPlaying && dragged === undefined && (
            <span className="quiet"> {String((BigInt(replay.positionNs) / 1000n) % 1000n).padStart(3, '0')}</span>
          )}
        </span>
        <span className="num quiet">
          {formatElapsed(atMs / 1000)} of {formatElapsed(spanMs / 1000)}
        </span>
        <select
          className="input replay-speed"
          aria-label="Speed"
          value={String(speed)}
          onChange={(event) => {
            const value = event.target.value;
            set({ speed: value === 'max' ? 'max' : Number(value) });
          }}
        >
          {SPEEDS.map((one) => (
            <option key={one} value={String(one)}>
              {one === 'max' ? 'max' : `${one}×`}
            </option>
          ))}
        </select>
      </div>
    </div>
  );
}
