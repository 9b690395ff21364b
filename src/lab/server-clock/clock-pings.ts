import type { Clock } from '../../core/clock.ts';

export interface PingPace {
  /** So many at once, to begin with. */
  burst: number;
  burstGapMs: number;
  everyMs: number;
}

export const PING_PACE: Readonly<PingPace> = { burst: 5, burstGapMs: 100, everyMs: 10_000 };

/** Asks for the server's time: a few times when a connection is ready, then every ten seconds, until disposed. */
export function startClockPings(clock: Clock, ask: () => void, pace: PingPace = PING_PACE): Disposable {
  let asked = 0;
  let timer: Disposable | undefined;
  let isOver = false;
  const next = (): void => {
    ask();
    asked++;
    if (!isOver) timer = clock.after(asked < pace.burst ? pace.burstGapMs : pace.everyMs, next);
  };
  timer = clock.after(0, next);
  return {
    [Symbol.dispose]: () => {
      isOver = true;
      timer?.[Symbol.dispose]();
    },
  };
}
