import { expect, test } from 'vitest';
import type { Job } from '../../contract/recording-schema.ts';
import { ManualClock } from '../../core/clock.ts';
import { createDeferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import { emptyState } from '../state/empty-state.ts';
import { StateBoard } from '../state/state-board.ts';
import { JobTable } from './job-table.ts';

function open(limit = 4): {
  clock: ManualClock;
  board: StateBoard;
  jobs: JobTable;
  jobOf(id: string): Job | undefined;
} {
  const clock = new ManualClock();
  const board = new StateBoard(emptyState('/nowhere'));
  const jobs = new JobTable(clock, board, limit);
  return { clock, board, jobs, jobOf: (id) => board.state.jobs.find((job) => job.id === id) };
}

const WORK = { kind: 'export', label: 'run as CSV', path: '/x.csv' } as const;

test('progress says how long it still takes; the end is shown', async () => {
  const { clock, jobs, jobOf } = open();
  const work = createDeferred<void>();
  let tell: (share: number) => void = () => {};
  const { id } = jobs.start({
    ...WORK,
    run: ({ progress }) => {
      tell = progress;
      return work.promise;
    },
  });
  expect(jobOf(id)).toMatchObject({ state: 'running', progress: 0, path: '/x.csv' });
  await clock.advance(1000);
  tell(0.25);
  expect(jobOf(id)).toMatchObject({ progress: 0.25, secondsLeft: 3 });
  tell(0.3);
  expect(jobOf(id)?.progress, 'at most five times a second').toBe(0.25);
  work.resolve();
  await clock.advance(0);
  expect(jobOf(id)).toMatchObject({ state: 'done', progress: 1, secondsLeft: 0, error: null });
});

test('what fails says why; what is cancelled is no failure, whatever it throws', async () => {
  const { clock, jobs, jobOf } = open();
  const failed = jobs.start({ ...WORK, run: () => Promise.reject(new LabError('export.failed', 'no room')) });
  const cancelled = jobs.start({
    ...WORK,
    run: ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('worker ended')))),
  });
  await clock.advance(0);
  expect(jobOf(failed.id)).toMatchObject({ state: 'failed', error: { code: 'export.failed', message: 'no room' } });
  jobs.cancel(cancelled.id);
  await clock.advance(0);
  expect(jobOf(cancelled.id)).toMatchObject({ state: 'cancelled', error: null });
  jobs.cancel(cancelled.id);
  jobs.cancel('never was');
});

test('only so many at once; disposing cancels all and waits for them', async () => {
  const { jobs, board } = open(2);
  const run = ({ signal }: { signal: AbortSignal }): Promise<never> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  jobs.start({ ...WORK, run });
  jobs.start({ ...WORK, run });
  expect(() => jobs.start({ ...WORK, run })).toThrow(expect.objectContaining({ code: 'call.limit' }));
  await jobs[Symbol.asyncDispose]();
  expect(board.state.jobs.map(({ state }) => state)).toEqual(['cancelled', 'cancelled']);
});
