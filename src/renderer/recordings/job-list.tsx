import { type ReactElement, useState } from 'react';
import { act } from '../actions.ts';
import { benchStore } from '../engine-link.ts';
import { JobState } from '../job/job-state.tsx';
import { useStore } from '../store.ts';

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
