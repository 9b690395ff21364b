import type { HubParts } from '../hub-parts.ts';

export const EVERY_MINUTE_MS = 60_000;

/** A line each minute: how many connections and streams there are, what was sent, what was not. */
export function logEachMinute(
  { clock, connections, log }: Pick<HubParts, 'clock' | 'connections' | 'log'>,
  everyMs: number,
): Disposable {
  let timer: Disposable;
  const again = (): void => {
    timer = clock.after(everyMs, () => {
      const counts = connections.all.map((connection) => connection.counts());
      const sum = (pick: (one: (typeof counts)[number]) => number): number =>
        counts.reduce((total, one) => total + pick(one), 0);
      log.write('info', 'hub.minute', {
        connections: counts.length,
        active_streams: sum(({ streams }) => streams),
        sent: sum(({ sent }) => sent),
        dropped: sum(({ dropped }) => dropped),
        queued: sum(({ queued }) => queued),
      });
      again();
    });
  };
  again();
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}
