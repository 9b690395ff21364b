import { LabError } from '../core/errors.ts';
import { reduceBench } from './bench-reducer.ts';
import type { BenchState } from './bench-schema.ts';
import type { Client } from './client.ts';
import type { StateEvent } from './events.ts';

/** More than this between two reads means something else is wrong; the oldest are let go, the hole makes us read again. */
const KEPT_EVENTS = 2000;

/**
 * Keeps a copy of the bench state true: reads it, applies events, reads again when one was missed or the bench was replaced.
 *
 *     reading ──answer, no hole──▶ true ──hole, replaced──▶ reading …
 *        └──read failed──▶ onError (the link decides)
 *
 * Events that come while reading are kept and applied onto the answer.
 */
export function syncBench(
  client: Pick<Client, 'call' | 'onState'>,
  onBench: (bench: BenchState) => void,
  onError: (error: LabError) => void,
): () => void {
  let bench: BenchState | undefined;
  let reading = false;
  let isStopped = false;
  let waiting: StateEvent[] = [];

  const read = async (): Promise<void> => {
    reading = true;
    try {
      const answer = await client.call('bench.read', {});
      if (isStopped) return;
      reading = false;
      bench = answer;
      const changes = waiting;
      waiting = [];
      onBench(bench);
      for (const change of changes) apply(change);
    } catch (thrown) {
      reading = false;
      if (!isStopped) onError(LabError.from(thrown));
    }
  };

  const apply = (change: StateEvent): void => {
    if (reading || !bench) {
      waiting.push(change);
      if (waiting.length > KEPT_EVENTS) waiting.shift();
      return;
    }
    const next = reduceBench(bench, change);
    if (!next) {
      waiting.push(change);
      void read();
    } else if (next !== bench) {
      bench = next;
      onBench(bench);
    }
  };

  const stop = client.onState(apply);
  void read();
  return () => {
    isStopped = true;
    stop();
  };
}
