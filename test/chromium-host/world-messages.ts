/** Isolated world to host, as text over the binding. `value`s are made by `encodeValue`. */
export type FromWorld =
  | { kind: 'ready' }
  | { kind: 'send'; channel: string; value: string }
  | { kind: 'invoke'; id: number; channel: string; value: string }
  | { kind: 'port'; port: number; value: string };

/** Host to isolated world. */
export type ToWorld =
  | { kind: 'message'; channel: string; value: string; ports: number[] }
  | { kind: 'result'; id: number; value?: string; error?: string }
  | { kind: 'port'; port: number; value: string }
  | { kind: 'port-close'; port: number };

/** Name of the binding through which the isolated world speaks, and of the function it is spoken to by. */
export const BINDING = '__labwireHostSend';
export const RECEIVER = '__labwireHostReceive';
export const WORLD = 'labwire-preload';

/** Events between the isolated and the main world of one page; `detail` is cloned by Chromium. */
export const EXPOSE_EVENT = 'labwire-host-expose';
export const CALL_EVENT = 'labwire-host-call';
export const ANSWER_EVENT = 'labwire-host-answer';

/** `values` are given as they are, `functions` become functions of the exposed object. */
export interface Exposure {
  key: string;
  values: Record<string, unknown>;
  functions: string[];
}

export interface CrossCall {
  id: number;
  key: string;
  name: string;
  args: unknown[];
}

/** `pending`: a promise; a second answer with the same id settles it. */
export type CrossAnswer = { id: number } & ({ pending: true } | { value: unknown } | { error: string });
