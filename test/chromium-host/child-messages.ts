/** Host to child process and back, over Node's IPC with structured clone. */
export type ChildMessage =
  | { kind: 'message'; data: unknown; ports: number[] }
  | { kind: 'port'; port: number; data: unknown }
  | { kind: 'port-close'; port: number };
