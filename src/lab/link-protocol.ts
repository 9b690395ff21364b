import type { LabError } from '../core/errors.ts';
import type { Refusal, SocketData } from './ports.ts';

/** What the protocol made of a message, for the link. */
export interface LinkSignal {
  /** The greeting is complete: handshaking → connected. */
  isReady?: boolean;
  /** Rows came: with ten steady seconds this sets the count of tries back. */
  isData?: boolean;
  /** The server announces its end: try again no sooner than that; s. */
  retryAfterS?: number;
  /** Why, for the person. */
  reason?: string;
  /** No try will help, or not before the person acts: → failed, or with `superseded` → disconnected. */
  fatal?: LabError;
  superseded?: boolean;
  /** The protocol wants this connection ended and made anew (a stream that went silent), with that close code. */
  renew?: string;
}

/** Liveness. Any message counts as a sign of life; an RFC 6455 ping of the server is answered by the socket. */
export interface HeartbeatRule {
  /** After so long without a message a probe is sent; ms. 0: nothing is ever sent. */
  probeMs: number;
  /** After so long without a message the connection is dead; ms. */
  deadMs: number;
  /** The probe; undefined: an RFC 6455 ping where the socket can, else nothing. */
  probe?(): SocketData;
}

/** What to do after a refusal or an end. `refresh`: a new token, once; `next-path`: the next of `paths`. */
export type AfterEnd =
  | { kind: 'retry'; retryAfterS?: number; reason?: string }
  | { kind: 'refresh'; reason?: string }
  | { kind: 'next-path' }
  | { kind: 'superseded'; reason: string }
  | { kind: 'fatal'; error: LabError };

/**
 * A protocol on one socket: the link (`openLink`) makes, watches, ends and re-makes the socket; this says what is spoken on it. It has no timers and opens
 * nothing. One object serves all connections of a link, one after the other: `opened` begins anew.
 */
export interface LinkProtocol {
  /** For the log: `lablink /ws`. */
  readonly name: string;
  /** Of the connection about to be made. May throw `server.*`: then no connection is tried and the link fails with it. */
  url(): string;
  readonly subprotocols: readonly string[];
  headers?(): Readonly<Record<string, string>>;
  readonly deflate: boolean;
  readonly maxMessageBytes: number;
  readonly heartbeat: HeartbeatRule;
  /** Longest time from open to `isReady`; ms. 0: ready as soon as it is open. */
  readonly handshakeMs: number;
  /** The connection is open; `send` is of this connection and ignored after its end. Gives what to say of it at once. */
  opened(send: (data: SocketData) => void, open: { protocol: string; isDeflated: boolean }): LinkSignal | undefined;
  /** Never throws: what it cannot read it counts. Binary data are lent for the call. */
  receive(data: SocketData): LinkSignal | undefined;
  /** The connection ended; `isReady`: it had been. Called once for each `opened`. */
  ended(): void;
  /** Judges an end, or (with a refusal) a connection that never was. */
  judge(end: { code: number; reason: string; refusal: Refusal | undefined; wasReady: boolean }): AfterEnd;
  /** A person ends it: what to say before the close frame (stop streams that would run on). */
  farewell?(): readonly SocketData[];
  /** Another path to try; false: there is none. */
  nextPath?(): boolean;
  /** A new token, for `refresh`. Throws server.unauthorized when the login ended. */
  refresh?(signal: AbortSignal): Promise<void>;
}
