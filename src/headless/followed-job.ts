import type { Job } from '../contract/recording-schema.ts';
import { LabError } from '../core/errors.ts';
import type { Shell } from './command.ts';
import type { Screen } from './screen.ts';

const SAY_EVERY_MS = 2_000;

/** Waits until a job of the engine has ended, saying how far it is; Ctrl-C cancels it. Throws what it failed with, call.cancelled. */
export async function followJob({ client }: Screen, job: Job, { signal, say }: Shell): Promise<Job> {
  let saidMs = performance.now();
  const cancel = (): void => void client.call('job.cancel', { job: job.id }).catch(() => undefined);
  signal.addEventListener('abort', cancel, { once: true });
  try {
    return await new Promise<Job>((resolve, reject) => {
      const look = (now: Job): void => {
        if (now.id !== job.id) return;
        if (now.state === 'done') resolve(now);
        else if (now.state === 'failed' && now.error) reject(LabError.fromRecord(now.error));
        else if (now.state === 'cancelled') reject(new LabError('call.cancelled', 'Cancelled.'));
        else if (performance.now() - saidMs >= SAY_EVERY_MS) {
          saidMs = performance.now();
          say(`${now.label}, ${Math.floor(now.progress * 100)} %`);
        }
      };
      client.on('job.changed', (news) => look(news.job));
      void client.closed.then(reject);
      // It may have ended before anybody listened.
      void client.call('bench.read', {}).then(({ jobs }) => jobs.forEach(look), reject);
    });
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
