import { useEffect } from 'react';
import type { Job } from '../../contract/recording-schema.ts';
import { showError, toast } from '../actions.ts';
import { exportUrl } from '../connect.ts';
import { benchStore } from '../engine-link.ts';
import { screenStore } from '../screen-store.ts';
import { shell } from '../shell.ts';
import { createStore, useStore } from '../store.ts';

/** Jobs this screen began: their end is told here, once, and a browser downloads what they wrote. */
const startedHere = createStore<ReadonlySet<string>>(new Set());

/** Has the end of a job told on this screen. */
export function followJob(id: string): void {
  startedHere.update((ids) => new Set([...ids, id]));
}

/** Offers what is done, tells what failed. Lives in the frame, so that leaving a screen does not lose a download. */
export function useFinishedJobs(): void {
  const jobs = useStore(benchStore, (bench) => bench?.jobs);
  const mine = useStore(startedHere, (ids) => ids);
  useEffect(() => {
    for (const job of jobs ?? []) {
      if (!mine.has(job.id) || job.state === 'running') continue;
      startedHere.update((ids) => new Set([...ids].filter((id) => id !== job.id)));
      if (job.state === 'done') offer(job);
      // Recordings shows it beside the job already.
      else if (job.state === 'failed' && job.error && screenStore.get().screen !== 'recordings')
        toast({ severity: 'error', text: job.error.message, code: job.error.code });
      else if (job.state === 'cancelled' && job.kind === 'send-file')
        toast({
          severity: 'warning',
          text: `${job.label} was cancelled; the lines sent before that were carried out.`,
        });
    }
  }, [jobs, mine]);
}

/** In a browser: where what a job wrote for the person is downloaded. Recordings stay in the library. */
export function downloadUrl({ kind, state, path }: Job): string | undefined {
  const isFile = kind === 'export' || kind === 'support-bundle';
  return isFile && state === 'done' && path ? exportUrl(path) : undefined;
}

function offer(job: Job): void {
  const { path } = job;
  const url = downloadUrl(job);
  if (url) download(url);
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
