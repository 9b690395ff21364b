import type { LabError } from '../../core/errors.ts';
import type { AfterEnd } from '../link-protocol.ts';

/**
 * Where the socket of a link is. `waiting`: for the next try; `refreshing`: for a new token; `off`: the person wants no socket, rows are polled.
 *
 * ```
 *            reconnect                opened              ready
 *   idle ───────────────▶ connecting ────────▶ handshaking ─────▶ ready
 *                          ▲  ▲  │ next-path     │                 │ renew, reconnect ─▶ connecting
 *                          │  │  └───────────────┤                 │
 *                          │  │ due, wake,       │ ended, lost,    │
 *                          │  │ listening,       │ open or         │
 *                          │  │ reconnect        │ handshake due   │
 *                          │  └──── waiting ◀────┴─────────────────┤ attempt + 1; past the last: suspended
 *                          │           ▲ no answer                 │
 *                          └──── refreshing ◀── refresh, once ─────┤
 *                                      │ refused                   │
 *                                      └──────▶ failed ◀── fatal ──┤
 *   any ── disconnect ──▶ disconnected ◀── superseded ─────────────┘
 *   any ── socket off ──▶ off ── socket on ──▶ connecting         failed, disconnected, idle ── reconnect ──▶ connecting
 * ```
 */
export type LinkPhase =
  | 'idle'
  | 'connecting'
  | 'handshaking'
  | 'ready'
  | 'waiting'
  | 'refreshing'
  | 'off'
  | 'disconnected'
  | 'failed';

/** How the streams of a link get their rows, all together. */
export interface StreamSummary {
  streams: number;
  polled: number;
  silent: number;
  /** Shortest interval polled at; s, 0 when nothing is polled. */
  pollS: number;
}

/** How the connection that was left is to be ended. */
export interface Parting {
  how: 'cut' | 'close';
  code: number;
  reason: string;
}

/** `exit`: out of this phase, if nothing else happens; `steady` and `renew` of the phase `ready`. */
export type LinkTimer = 'exit' | 'steady' | 'renew';

/**
 * The whole state. Whoever runs it keeps exactly what it says: the socket number `connection` in connecting, handshaking and ready, one timer for
 * each key of `dueMs`, the refresh in refreshing.
 */
export interface LinkMachine {
  readonly phase: LinkPhase;
  /** Counts the sockets made. */
  readonly connection: number;
  /** Try waited for or under way, 1…; 0: the first one, or a steady connection. */
  readonly attempt: number;
  /** Tries in a row that did not become ready. */
  readonly failures: number;
  readonly paths: number;
  readonly hasRefreshed: boolean;
  /** False: the WebSocket is switched off, then `off` stands for connecting. */
  readonly wantsSocket: boolean;
  readonly isSteady: boolean;
  readonly hasData: boolean;
  readonly readyMs: number;
  /** Announced on this connection for its end. */
  readonly retryAfterS: number | undefined;
  /** No probe ends a wait before that. */
  readonly notBeforeMs: number;
  readonly dueMs: Readonly<Partial<Record<LinkTimer, number>>>;
  readonly parting: Parting;
  readonly reason: string;
  readonly error: LabError | undefined;
  readonly summary: StreamSummary;
}

/** What happens to a link. Those of a socket carry its number; of any but the present one they are ignored. */
export type LinkEvent =
  | { kind: 'opened'; connection: number }
  | { kind: 'ready'; connection: number }
  | { kind: 'data'; connection: number }
  | { kind: 'announced'; connection: number; retryAfterS: number | undefined; reason: string }
  | { kind: 'ended'; connection: number; after: AfterEnd }
  | { kind: 'lost'; connection: number; reason: string }
  | { kind: 'fatal'; connection: number; error: LabError }
  | { kind: 'superseded'; connection: number; reason: string }
  | { kind: 'due'; timer: LinkTimer }
  | { kind: 'listening' }
  | { kind: 'wake' }
  | { kind: 'refreshed' }
  | { kind: 'refresh-failed'; error: LabError }
  | { kind: 'renew'; reason: string }
  | { kind: 'reconnect' }
  | { kind: 'disconnect'; reason: string }
  | { kind: 'socket'; on: boolean }
  | { kind: 'streams'; summary: StreamSummary };

/** When and by what chance a step is made. */
export interface StepAt {
  /** Monotonic ms. */
  nowMs: number;
  /** 0 ≤ x < 1. */
  random: number;
}

export const IDLE_LINK: LinkMachine = {
  phase: 'idle',
  connection: 0,
  attempt: 0,
  failures: 0,
  paths: 0,
  hasRefreshed: false,
  wantsSocket: true,
  isSteady: false,
  hasData: false,
  readyMs: 0,
  retryAfterS: undefined,
  notBeforeMs: 0,
  dueMs: {},
  parting: { how: 'close', code: 1000, reason: '' },
  reason: '',
  error: undefined,
  summary: { streams: 0, polled: 0, silent: 0, pollS: 0 },
};

/** Whether the state has a socket. */
export function hasSocket({ phase }: LinkMachine): boolean {
  return phase === 'connecting' || phase === 'handshaking' || phase === 'ready';
}
