import { type KeyboardEvent, type ReactElement, useRef, useState } from 'react';
import type { RecordingRow } from '../../contract/recording-schema.ts';
import type { Upload } from '../../contract/upload-schema.ts';
import { act, toast } from '../actions.ts';
import { benchStore } from '../engine-link.ts';
import { followJob } from '../job/followed-jobs.ts';
import { useStore } from '../store.ts';
import { takeFocus } from './first-focus.ts';
import { isUnreadable } from './recording-words.ts';

/** What changes the files of a recording: sent away, repaired, thinned, thrown away. */
export function ShelfActions({ row }: { row: RecordingRow }): ReactElement {
  const target = useStore(benchStore, (bench) => bench?.upload.target ?? null);
  const sent = useStore(benchStore, (bench) => uploadOf(row, bench?.upload.uploads ?? []));
  const [asks, setAsks] = useState<'trash' | 'thin'>();
  const [interval, setInterval] = useState('1');
  const left = useRef<'trash' | 'thin'>(undefined);
  const isRunning = row.state === 'recording';
  const isReadable = row.format === 'labwire' && !isUnreadable(row);
  const thin = async (): Promise<void> => {
    setAsks(undefined);
    const job = await act('recording.thin', { recording: row.id, intervalS: Number(interval) });
    if (job) followJob(job.id);
  };
  const repair = async (): Promise<void> => {
    const job = await act('recording.repair', { recording: row.id });
    if (job) followJob(job.id);
  };
  const trash = async (): Promise<void> => {
    setAsks(undefined);
    if (await act('recording.trash', { recording: row.id }))
      toast({ severity: 'done', text: `“${row.name}” is in the trash of the system.` });
  };
  const keep = (): void => {
    left.current = asks;
    setAsks(undefined);
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    keep();
  };
  /** The button that asked has the focus again when nothing came of it. */
  const backTo =
    (which: 'trash' | 'thin') =>
    (button: HTMLButtonElement | null): void => {
      if (!button || left.current !== which) return;
      left.current = undefined;
      button.focus();
    };
  if (asks === 'trash') {
    return (
      <div className="side-box" role="alertdialog" aria-label="Throw away" onKeyDown={onKey}>
        <p>Put “{row.name}” into the trash of the system?</p>
        <div className="side-actions">
          <button ref={takeFocus} type="button" className="btn danger" onClick={() => void trash()}>
            Throw away
          </button>
          <button type="button" className="btn" onClick={keep}>
            Keep
          </button>
        </div>
      </div>
    );
  }
  if (asks === 'thin') {
    const isTime = Number(interval) > 0 && Number(interval) <= 86_400;
    return (
      <div className="side-box" role="alertdialog" aria-label="Thin out" onKeyDown={onKey}>
        <p>Keep mean, min and max of each interval instead of every sample? The whole one goes to the trash.</p>
        <div className="side-actions">
          <input
            ref={takeFocus}
            className="input num minutes"
            aria-label="Interval in s"
            value={interval}
            aria-invalid={!isTime}
            onChange={(event) => setInterval(event.target.value)}
            onKeyDown={(event) => event.key === 'Enter' && isTime && void thin()}
          />
          <span className="quiet">s</span>
          <button type="button" className="btn primary" disabled={!isTime} onClick={() => void thin()}>
            Thin out
          </button>
          <button type="button" className="btn" onClick={keep}>
            Cancel
          </button>
        </div>
      </div>
    );
  }
  return (
    <div className="side-actions">
      {isReadable && needsRepair(row) && (
        <button type="button" className="btn" onClick={() => void repair()}>
          Repair
        </button>
      )}
      {target && !isUnreadable(row) ? (
        <button
          type="button"
          className="btn"
          disabled={isRunning || sent !== 'not'}
          title={sent === 'done' ? `Read back and compared at ${target.url}` : undefined}
          onClick={() => void act('upload.add', { recording: row.id })}
        >
          {sent === 'done' ? '✓ Uploaded' : sent === 'underway' ? 'Uploading…' : 'Upload'}
        </button>
      ) : null}
      {isReadable && (
        <button ref={backTo('thin')} type="button" className="btn" disabled={isRunning} onClick={() => setAsks('thin')}>
          Thin out…
        </button>
      )}
      <button ref={backTo('trash')} type="button" className="btn" disabled={isRunning} onClick={() => setAsks('trash')}>
        Throw away…
      </button>
    </div>
  );
}

function needsRepair({ state, verified }: RecordingRow): boolean {
  // One that was recovered has what can be had.
  return state === 'damaged' || state === 'interrupted' || (state === 'complete' && verified?.ok === false);
}

/** How far its files are on their way to the server. */
function uploadOf({ id, paths }: RecordingRow, uploads: readonly Upload[]): 'not' | 'underway' | 'done' {
  const own = uploads.filter(({ recording }) => recording === id);
  if (own.some(({ state }) => state !== 'done' && state !== 'failed')) return 'underway';
  return paths.every((path) => own.some((one) => one.path === path && one.state === 'done')) ? 'done' : 'not';
}
