import { type ReactElement, useState } from 'react';
import type { RecordingRow } from '../../contract/recording-schema.ts';
import { act, toast } from '../actions.ts';
import { benchStore } from '../engine-link.ts';
import { followJob } from '../job/followed-jobs.ts';
import { showDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';

/** What changes the files of a recording: sent away, repaired, thinned, thrown away. */
export function ShelfActions({ row }: { row: RecordingRow }): ReactElement {
  const target = useStore(benchStore, (bench) => bench?.upload.target ?? null);
  const [asks, setAsks] = useState<'trash' | 'thin'>();
  const [interval, setInterval] = useState('1');
  const isRunning = row.state === 'recording';
  const isNative = row.format === 'labwire';
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
  if (asks === 'trash') {
    return (
      <div className="side-box" role="alertdialog" aria-label="Throw away">
        <p>Put “{row.name}” into the trash of the system?</p>
        <div className="side-actions">
          <button type="button" className="btn danger" onClick={() => void trash()}>
            Throw away
          </button>
          <button type="button" className="btn" onClick={() => setAsks(undefined)}>
            Keep
          </button>
        </div>
      </div>
    );
  }
  if (asks === 'thin') {
    const isTime = Number(interval) > 0 && Number(interval) <= 86_400;
    return (
      <div className="side-box" role="alertdialog" aria-label="Thin out">
        <p>Keep mean, min and max of each interval instead of every sample? The whole one goes to the trash.</p>
        <div className="side-actions">
          <input
            className="input num minutes"
            aria-label="Interval in s"
            value={interval}
            aria-invalid={!isTime}
            onChange={(event) => setInterval(event.target.value)}
          />
          <span className="quiet">s</span>
          <button type="button" className="btn primary" disabled={!isTime} onClick={() => void thin()}>
            Thin out
          </button>
          <button type="button" className="btn" onClick={() => setAsks(undefined)}>
            Cancel
          </button>
        </div>
      </div>
    );
  }
  return (
    <div className="side-actions">
      {isNative && (row.state === 'damaged' || row.state === 'interrupted') && (
        <button type="button" className="btn" onClick={() => void repair()}>
          Repair
        </button>
      )}
      {target ? (
        <button
          type="button"
          className="btn"
          disabled={isRunning}
          onClick={() => void act('upload.add', { recording: row.id })}
        >
          Upload
        </button>
      ) : null}
      {isNative && (
        <button type="button" className="btn" disabled={isRunning} onClick={() => setAsks('thin')}>
          Thin out…
        </button>
      )}
      <button type="button" className="btn" disabled={isRunning} onClick={() => setAsks('trash')}>
        Throw away…
      </button>
      {isRunning && (
        <button type="button" className="btn" onClick={() => showDialog({ kind: 'preflight' })}>
          Pre-flight
        </button>
      )}
    </div>
  );
}
