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
}

const KEPT = 500;

/** `out` gets each line without its end; `redact` is applied to every text. */
export function createHubLog(clock: Clock, redact: (text: string) => string, out: (line: string) => void): HubLog {
  const recent: LogLine[] = [];
  return {
    recent,
    write(level, event, fields = {}) {
      const time = new Date(Number(clock.nowNs() / 1_000_000n)).toISOString();
      const text = redact(JSON.stringify({ time, level, event, ...fields }));
      recent.push(JSON.parse(text) as LogLine);
      if (recent.length > KEPT) recent.shift();
      out(text);
    },
  };
}
