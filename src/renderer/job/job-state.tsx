import type { ReactElement } from 'react';
import type { Job } from '../../contract/recording-schema.ts';
import { formatLeft } from '../text-format.ts';
import { downloadUrl } from './followed-jobs.ts';

/** `42 % · 3 s left`, its error, or in a browser the download of what it wrote. */
export function JobState({ job }: { job: Job }): ReactElement {
  const url = downloadUrl(job);
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
  return <span className={job.state === 'failed' ? 'tone-bad' : 'quiet num'}>{text}</span>;
}
