import type { Clock } from '../core/clock.ts';

/** Bytes or text of one WebSocket message. */
export type SocketData = string | Uint8Array;

/** What an HTTP server answered instead of upgrading: a browser cannot see it (then it is undefined). */
export interface Refusal {
  status: number;
  /** Lower case. */
  headers: Readonly<Record<string, string>>;
  /** At most 4 KiB of it. */
  body: string;
}

/** Of one socket; each is called from a turn of its own, `onEnd` last and exactly once, whatever happened. */
export interface SocketEvents {
  /** `headers`: of the upgrade, lower case; empty where they cannot be seen. */
  onOpen(open: { protocol: string; headers: Readonly<Record<string, string>>; isDeflated: boolean }): void;
  /** Binary data are lent for the call. `wireBytes`: as they came over the wire, if known. */
  onMessage(data: SocketData, wireBytes: number): void;
  /** 1006 where there was no close frame. */
  onEnd(end: { code: number; reason: string; refusal?: Refusal | undefined; error?: string | undefined }): void;
}

export interface LabSocket {
  /** Ignored after the end. */
  send(data: SocketData): void;
  /** Close frame; `onEnd` follows, by force after 2 s. */
  close(code: number, reason: string): void;
  /** Cuts the connection at once. */
  cut(): void;
  /** An RFC 6455 ping, where the way can (browsers cannot): the answer calls back. */
  ping?(onPong: () => void): void;
  readonly bufferedBytes: number;
}

export interface SocketRequest {
  url: string;
  protocols: readonly string[];
  headers?: Readonly<Record<string, string>>;
  /** permessage-deflate is offered. */
  deflate: boolean;
  /** Messages longer than that end the connection with 1009. */
  maxMessageBytes: number;
}

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD';
  url: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  timeoutMs: number;
  /** A longer answer is cut off with an error. */
  maxBytes: number;
  /** On a connection of its own, where the host can: neither behind other requests, nor on a kept one that may be dead. For what switches off. */
  isUrgent?: boolean | undefined;
}

export interface HttpAnswer {
  status: number;
  /** Lower case. */
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
}

/** Inflates at most `maxBytes`; throws `protocol.too-long` beyond, `protocol.malformed` for bytes that are none. */
export interface Inflate {
  gunzip(bytes: Uint8Array, maxBytes: number): Uint8Array;
  /** With the zlib header. */
  unzlib(bytes: Uint8Array, maxBytes: number): Uint8Array;
  /** Raw deflate. */
  inflate(bytes: Uint8Array, maxBytes: number): Uint8Array;
}

/** What the client of lab servers needs of its host: Node, a browser, a test. */
export interface LabPorts {
  clock: Clock;
  /** 0 ≤ x < 1. */
  random(): number;
  /** 128 bits as hex, for session ids. */
  uniqueId(): string;
  openSocket(request: SocketRequest, events: SocketEvents): LabSocket;
  /** Throws `server.unreachable`, `server.timeout`, `call.cancelled`, `protocol.too-long`. */
  http(request: HttpRequest, signal?: AbortSignal): Promise<HttpAnswer>;
  inflate: Inflate;
  /** Whether something listens there: a bare TCP connection, ended at once. Absent where there is no TCP (browsers). */
  isListening?(host: string, port: number, signal: AbortSignal): Promise<boolean>;
  /** The system woke up, or the network changed: a waiting try is made at once. */
  onNetworkChange(listener: () => void): Disposable;
}

/** What a link alone needs: no HTTP, nothing to inflate. */
export type LinkPorts = Pick<LabPorts, 'clock' | 'random' | 'openSocket' | 'isListening' | 'onNetworkChange'>;
