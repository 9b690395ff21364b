import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';

/** Why a request is not answered; `text` is for the person or program that made it. */
export interface Refusal {
  status: number;
  text: string;
  headers?: OutgoingHttpHeaders;
}

/**
 * Keeps other sites out of a loopback server. The exact Host stops DNS rebinding (a foreign name resolving to 127.0.0.1), the Origin stops
 * pages of other sites; the token stops other programs of this machine. `authority`: `127.0.0.1:PORT`.
 */
export function refusePage(request: IncomingMessage, authority: string): Refusal | undefined {
  const host = refuseHost(request.headers, authority);
  if (host) return host;
  if (request.headers.origin !== undefined && request.headers.origin !== `http://${authority}`) return FOREIGN_ORIGIN;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, text: 'Only GET and HEAD are answered here.', headers: { Allow: 'GET, HEAD' } };
  }
  return undefined;
}

/** For a WebSocket: as a page, and the Origin must be there (browsers always send it, other screens set it). */
export function refuseSocket(request: IncomingMessage, authority: string): Refusal | undefined {
  const host = refuseHost(request.headers, authority);
  if (host) return host;
  if (request.headers.origin !== `http://${authority}`) return FOREIGN_ORIGIN;
  if (pathOf(request) !== '/link') return { status: 404, text: 'The WebSocket of the contract is at /link.' };
  return undefined;
}

const FOREIGN_ORIGIN: Refusal = { status: 403, text: 'Requests from other sites are refused.' };

function refuseHost(headers: IncomingHttpHeaders, authority: string): Refusal | undefined {
  if (headers.host === authority) return undefined;
  return { status: 421, text: `This server is http://${authority}/ and answers to no other name. Open that address.` };
}

/** The path without the query, still percent-encoded. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

/** The headers of every answer, refusals included. */
export function fenceHeaders(authority: string): OutgoingHttpHeaders {
  return {
    'Content-Security-Policy': [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data: blob:",
      "font-src 'self'",
      "worker-src 'self'",
      `connect-src 'self' ws://${authority}`,
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "form-action 'none'",
    ].join('; '),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
  };
}
