import type { IncomingMessage } from 'node:http';
import type { Caller } from '../access/principal.ts';

/**
 * The token of a request: `Authorization: Bearer …`, `X-API-Key`, or `?token=` as older clients send it (which is never logged). Undefined: none.
 */
export function bearerOf(request: Pick<IncomingMessage, 'headers'>, url: URL): string | undefined {
  const bearer = /^Bearer\s+(\S+)\s*$/i.exec(request.headers.authorization ?? '')?.[1];
  if (bearer !== undefined) return bearer;
  const key = request.headers['x-api-key'];
  if (typeof key === 'string' && key !== '') return key;
  const token = url.searchParams.get('token');
  return token === null || token === '' ? undefined : token;
}

/** Where a request comes from: the peer of its socket. Headers of proxies are not believed. */
export function callerOf(request: Pick<IncomingMessage, 'socket'>): Caller {
  return { address: request.socket.remoteAddress ?? '' };
}
