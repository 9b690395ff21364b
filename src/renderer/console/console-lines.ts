import { createStore } from '../store.ts';

/** One command and what came of it. */
export interface ConsoleLine {
  id: number;
  /** Date.now() when it was sent. */
  at: number;
  text: string;
  /** null: nothing was asked; undefined: no answer yet. */
  reply: string | null | undefined;
  roundTripMs: number | undefined;
  error: { code: string; message: string } | undefined;
  /** The bytes of the reply (the first 64 KiB), and how many there were. */
  base64: string | undefined;
  sizeBytes: number | undefined;
}

export interface ConsoleLog {
  lines: ConsoleLine[];
  history: string[];
}

const KEPT_LINES = 500;
let nextId = 1;

/** Sessions by instrument; kept while the window lives, so that leaving the screen forgets nothing. */
export const consoleStore = createStore<Readonly<Record<string, ConsoleLog>>>({});

const EMPTY: ConsoleLog = { lines: [], history: [] };

export function logOf(logs: Readonly<Record<string, ConsoleLog>>, instrument: string): ConsoleLog {
  return logs[instrument] ?? EMPTY;
}

/** Adds a line without an answer; gives its id. */
export function addLine(instrument: string, text: string, history: string[]): number {
  const id = nextId++;
  consoleStore.update((logs) => {
    const line: ConsoleLine = {
      id,
      at: Date.now(),
      text,
      reply: undefined,
      roundTripMs: undefined,
      error: undefined,
      base64: undefined,
      sizeBytes: undefined,
    };
    return { ...logs, [instrument]: { lines: [...logOf(logs, instrument).lines, line].slice(-KEPT_LINES), history } };
  });
  return id;
}

export function finishLine(instrument: string, id: number, piece: Partial<ConsoleLine>): void {
  consoleStore.update((logs) => {
    const log = logOf(logs, instrument);
    return {
      ...logs,
      [instrument]: { ...log, lines: log.lines.map((line) => (line.id === id ? { ...line, ...piece } : line)) },
    };
  });
}

export function clearLines(instrument: string): void {
  consoleStore.update((logs) => ({ ...logs, [instrument]: { ...logOf(logs, instrument), lines: [] } }));
}
