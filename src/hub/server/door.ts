import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { WebSocket } from 'ws';
import type { Right } from '../../contract/calls.ts';
import type { Principal } from '../access/principal.ts';

/** What a port speaks on the paths that mean different things to different servers (`/ws`). */
export const PROFILES = ['native', 'lablink', 'power-meter', 'neurograph'] as const;
export type Profile = (typeof PROFILES)[number];

/** Fastify with schemas by zod. */
export type HubApp = FastifyInstance<
  import('node:http').Server,
  import('node:http').IncomingMessage,
  import('node:http').ServerResponse,
  import('fastify').FastifyBaseLogger,
  ZodTypeProvider
>;

/** Who may call a route: anybody, or who has this right; default `view`. */
export type RouteRight = Right | 'open';

declare module 'fastify' {
  interface FastifyContextConfig {
    right?: RouteRight;
  }
  interface FastifyRequest {
    /** Who asks. Of an `open` route: whoever the token says, else anonymous. */
    principal: Principal;
    /** Address the request came from. */
    from: string;
    /** What the port it came to speaks. */
    profile: Profile;
  }
}

/** A socket that has been admitted. */
export interface SocketVisit {
  readonly socket: WebSocket;
  readonly url: URL;
  readonly from: string;
  readonly profile: Profile;
  /** By the token of the handshake (`?token=` or Authorization), else anonymous. Dialects that log in later start with this. */
  readonly principal: Principal;
}

/** What a refused handshake is answered with: the older servers say 403 for everything. */
export interface SocketRefusal {
  status: number;
  text: string;
}

/** One kind of WebSocket the hub speaks. */
export interface SocketDoor {
  readonly paths: readonly string[];
  /** Only on ports of these profiles; default: all. */
  readonly profiles?: readonly Profile[] | undefined;
  /** Taken when the client offers it; a door without one takes the others. */
  readonly subprotocol?: string | undefined;
  /** Without a valid token: `refuse` the handshake (403), or let it `enter` as who it is. */
  readonly token: 'refuse' | 'enter';
  /** The token is the second subprotocol offered, and nowhere else: pages cannot set headers, and addresses are written into logs. */
  readonly isTokenOffered?: boolean | undefined;
  /** Longest message of a client; bytes. A longer one closes (1009). */
  readonly maxMessageBytes: number;
  /** permessage-deflate is offered back. */
  readonly deflate: boolean;
  /** Before the handshake is answered: bad parameters, a role that may not have it. */
  check?(url: URL, principal: Principal): SocketRefusal | undefined;
  enter(visit: SocketVisit): void;
}
