import type { Asker } from '../../contract/envelope.ts';
import type { LockMode } from '../../contract/lock-schema.ts';
import type { Principal } from './principal.ts';
import { rightsOf } from './role.ts';

/** A lock a session has, or waits for. */
export interface Holding {
  readonly lock: string;
  readonly instrument: string;
  readonly mode: LockMode;
  /** 0: it never runs out. */
  readonly timeoutMs: number;
  /** Last taken or touched by the client; monotonic ms. */
  seenMs: number;
  /** Last told to the engine; monotonic ms. */
  toldMs: number;
}

export interface LockSessionOptions {
  clientName?: string | undefined;
  clientAddress?: string | undefined;
  /** Without activity for so long it ends, and its locks with it, s; 0: never. Default 600. */
  timeoutS?: number | undefined;
  metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** A session as others see it. */
export interface LockSessionView {
  readonly id: string;
  readonly user: string;
  readonly clientName: string;
  readonly clientAddress: string;
  /** ms since 1970. */
  readonly createdMs: number;
  readonly seenMs: number;
  /** Undefined: it does not end by itself. */
  readonly remainingS: number | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Whoever takes locks under one session id: one client of LabLink's kind may have several. */
export class LockSession {
  readonly id: string;
  /** What the engine knows it by; the id is the client's choice, and may be another's too. */
  readonly client: string;
  readonly options: LockSessionOptions;
  readonly createdMs: number;
  /** Whoever came last under it; always the same user. */
  principal: Principal;
  /** Monotonic ms. */
  seenMs: number;
  /** By instrument. */
  readonly holdings = new Map<string, Holding>();

  constructor(
    id: string,
    client: string,
    principal: Principal,
    options: LockSessionOptions,
    createdMs: number,
    nowMs: number,
  ) {
    this.id = id;
    this.client = client;
    this.principal = principal;
    this.options = options;
    this.createdMs = createdMs;
    this.seenMs = nowMs;
  }

  get timeoutMs(): number {
    return (this.options.timeoutS ?? 600) * 1000;
  }

  /** In whose name the engine is asked. */
  get asker(): Asker {
    const { name, role } = this.principal;
    return { user: name, client: this.client, role, rights: [...rightsOf(role)] };
  }

  /** What the lock shows to others. */
  get holder(): string {
    const { clientName } = this.options;
    return (clientName ? `${this.principal.name} (${clientName})` : this.principal.name).slice(0, 200);
  }

  /** `nowMs` monotonic, `wallMs` since 1970. */
  view(nowMs: number, wallMs: number): LockSessionView {
    const { clientName = '', clientAddress = '', metadata = {} } = this.options;
    const idleMs = nowMs - this.seenMs;
    const remainingS = this.timeoutMs === 0 ? undefined : Math.max(0, this.timeoutMs - idleMs) / 1000;
    const user = this.principal.name;
    const seenMs = wallMs - idleMs;
    return { id: this.id, user, clientName, clientAddress, createdMs: this.createdMs, seenMs, remainingS, metadata };
  }
}
