import type { ReactElement } from 'react';
import { act } from '../actions.ts';
import { benchStore } from '../engine-link.ts';
import { screenStore } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { JobState } from './job-state.tsx';

/** Long work that runs now, on every screen, with its cancel; Recordings has its own list. */
export function JobStrip(): ReactElement | null {
  const jobs = useStore(benchStore, (bench) => bench?.jobs);
  const screen = useStore(screenStore, (state) => state.screen);
  const running = jobs?.filter(({ state }) => state === 'running') ?? [];
  if (running.length === 0 || screen === 'recordings') return null;
  return (
    <ul className="job-strips" aria-label="Jobs">
      {running.map((job) => (
        <li key={job.id} className="job-strip" data-testid="job-strip">
          <span className="cut">{job.label}</span>
          <div
            className="progress"
            role="progressbar"
            aria-valuenow={Math.round(job.progress * 100)}
            aria-label={job.label}
          >
            <i style={{ transform: `scaleX(${job.progress})` }} />
          </div>
          <JobState job={job} />
          <span className="grow" />
          <button
            type="button"
            className="btn small"
            aria-label={`Cancel ${job.label}`}
            onClick={() => void act('job.cancel', { job: job.id })}
          >
            Cancel
          </button>
        </li>
      ))}
    </ul>
  );
}
