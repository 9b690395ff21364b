import type { Clock } from '../core/clock.ts';

export type LogLevel = 'info' | 'warning' | 'error';

export interface LogLine {
  time: string;
  level: LogLevel;
  event: string;
  [field: string]: unknown;
}

/** Structured log of the hub: one JSON object a line, times ISO UTC, secrets taken out before anything is written. */
export interface HubLog {
  write(level: LogLevel, event: string, fields?: Record<string, unknown>): void;
  /** Newest last, bounded. */
  readonly recent: readonly LogLine[];
  /** Told of each line after it was written; must not write itself. */
  listen(listener: (line: LogLine) => void): Disposable;
}

const KEPT = 500;

/** `out` gets each line without its end; `redact` is applied to every text. */
export function createHubLog(clock: Clock, redact: (text: string) => string, out: (line: string) => void): HubLog {
  const recent: LogLine[] = [];
  const listeners = new Set<(line: LogLine) => void>();
  return {
    recent,
    listen(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    write(level, event, fields = {}) {
      const time = new Date(Number(clock.nowNs() / 1_000_000n)).toISOString();
      const text = redact(JSON.stringify({ time, level, event, ...fields }));
      const line = JSON.parse(text) as LogLine;
      recent.push(line);
      if (recent.length > KEPT) recent.shift();
      out(text);
      for (const listener of [...listeners]) listener(line);
    },
  };
}
