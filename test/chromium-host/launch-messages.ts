/** Host to test, over Node's IPC. */
export type FromHost =
  | { kind: 'browser'; endpoint: string }
  | { kind: 'result'; id: number; value?: unknown; error?: string };

/** Test to host: run a function in main, with what `electron` exports as its first argument. */
export type ToHost = { kind: 'evaluate'; id: number; source: string; argument: unknown };
