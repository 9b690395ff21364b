import { type ReactElement, useEffect, useState } from 'react';
import type { Job, RecordingRow } from '../../contract/recording-schema.ts';
import { act, showError, toast } from '../actions.ts';
import { exportUrl } from '../connect.ts';
import { benchStore, call } from '../engine-link.ts';
import { shell } from '../shell.ts';
import { createStore, useStore } from '../store.ts';
import { formatLeft } from '../text-format.ts';

/** Exports this screen began: a browser downloads them when they are done, once. */
const startedHere = createStore<ReadonlySet<string>>(new Set());

/** Starts an export: the desktop asks where to, a browser downloads it when it is done. */
export async function startExport(row: RecordingRow): Promise<void> {
  let path: string | null | undefined;
  if (shell) {
    path = await shell.chooseFile({
      kind: 'save',
      title: 'Export as CSV',
      defaultName: `${row.name}.csv`,
      filters: [{ name: 'CSV', extensions: ['csv'] }],
    });
    if (!path) return;
  }
  const job = await call('recording.export', { recording: row.id, format: 'csv', ...(path ? { path } : {}) });
  startedHere.update((ids) => new Set([...ids, job.id]));
}

/** Offers what is done: once, for jobs this screen began. Lives in the frame, so that leaving the list does not lose a download. */
export function useFinishedJobs(): void {
  const jobs = useStore(benchStore, (bench) => bench?.jobs);
  const mine = useStore(startedHere, (ids) => ids);
  useEffect(() => {
    for (const job of jobs ?? []) {
      if (!mine.has(job.id) || job.state === 'running') continue;
      startedHere.update((ids) => new Set([...ids].filter((id) => id !== job.id)));
      if (job.state === 'done') offer(job);
      else if (job.state === 'failed' && job.error)
        toast({ severity: 'error', text: job.error.message, code: job.error.code });
    }
  }, [jobs, mine]);
}

function offer(job: Job): void {
  const url = job.path ? exportUrl(job.path) : undefined;
  if (url) download(url);
  const path = job.path;
  toast({
    severity: 'done',
    text: `${job.label} is done${path ? `: ${path}` : ''}.`,
    action: shell && path ? { label: 'Show file', run: () => void shell?.reveal(path).catch(showError) } : undefined,
  });
}

function download(url: string): void {
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = '';
  anchor.click();
}

/** Long work of the engine with progress, time left and cancel. */
export function JobList(): ReactElement | null {
  const jobs = useStore(benchStore, (bench) => bench?.jobs);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const shown = jobs?.filter((job) => !hidden.has(job.id)).slice(-4) ?? [];
  if (shown.length === 0) return null;
  return (
    <ul className="jobs" aria-label="Jobs">
      {shown.map((job) => (
        <li key={job.id} data-state={job.state}>
          <span className="cut">{job.label}</span>
          <span className="grow" />
          <JobState job={job} />
          {job.state === 'running' ? (
            <button type="button" className="btn small" onClick={() => void act('job.cancel', { job: job.id })}>
              Cancel
            </button>
          ) : (
            <button type="button" className="btn small" onClick={() => setHidden((now) => new Set([...now, job.id]))}>
              Close
            </button>
          )}
          <div
            className="progress"
            role="progressbar"
            aria-valuenow={Math.round(job.progress * 100)}
            aria-label={job.label}
          >
            <i style={{ transform: `scaleX(${job.progress})` }} />
          </div>
        </li>
      ))}
    </ul>
  );
}

function JobState({ job }: { job: Job }): ReactElement {
  const url = job.state === 'done' && job.path ? exportUrl(job.path) : undefined;
  if (url) {
    return (
      <a className="btn small" href={url} download>
        Download again
      </a>
    );
  }
  const text =
    job.state === 'running'
      ? `${Math.round(job.progress * 100)} %${job.secondsLeft === null ? '' : ` · ${formatLeft(job.secondsLeft)} left`}`
      : job.state === 'failed'
        ? (job.error?.message ?? 'failed')
        : job.state;
  return <span className={job.state === 'failed' ? 'tone-bad num' : 'quiet num'}>{text}</span>;
}
