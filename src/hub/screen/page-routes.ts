import type { FastifyReply, FastifyRequest } from 'fastify';
import type { HubParts } from '../hub-parts.ts';
import type { HubApp } from '../server/door.ts';
import { openPageFile } from './page-file.ts';

const OPEN = { right: 'open' as const };
/** Vite puts the hash of its content into the name of each. */
const ASSETS = '/assets/';

/** The page, and the page for logging in, on ports that speak everything. Both are public: what they show comes over the link, which wants a login. */
export function addPageRoutes(app: HubApp, { pageFolder }: Pick<HubParts, 'pageFolder'>): void {
  const add = (url: string, path: (request: FastifyRequest) => string): void => {
    app.route({
      method: ['GET', 'HEAD'],
      url,
      config: OPEN,
      schema: { hide: true },
      handler: (request, reply) => answer(request, reply, path(request)),
    });
  };
  const answer = async (request: FastifyRequest, reply: FastifyReply, path: string): Promise<FastifyReply> => {
    const isPage = pageFolder !== undefined && request.profile === 'native';
    const file = isPage ? await openPageFile(pageFolder, path) : undefined;
    reply.headers(pageHeaders(request.headers.host ?? ''));
    if (!file) return reply.code(404).send({ detail: 'Not Found' });
    if (path.startsWith(ASSETS)) reply.header('Cache-Control', 'private, max-age=31536000, immutable');
    reply.header('Content-Type', file.type).header('Content-Length', file.sizeBytes);
    if (request.method !== 'HEAD' && file.sizeBytes > 0) {
      // Bounded by the size said: a file that grows meanwhile must not overrun its Content-Length.
      return reply.send(file.handle.createReadStream({ end: file.sizeBytes - 1 }));
    }
    await file.handle.close();
    return reply.send('');
  };
  add('/', () => '/index.html');
  add('/login', () => '/login.html');
  // As it came: the router has decoded its own copy, and a name decoded twice is another name.
  add(`${ASSETS}*`, ({ raw }) => (raw.url ?? '/').split('?', 1)[0] ?? '/');
}

/** Headers of every answer here: what the page may load and reach is what this hub serves. */
function pageHeaders(host: string): Record<string, string> {
  // Normalised: what the Host says goes into a header.
  const authority = URL.canParse(`http://${host}`) ? new URL(`http://${host}`).host : '';
  return {
    'Content-Security-Policy': [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data: blob:",
      "font-src 'self'",
      "worker-src 'self'",
      `connect-src 'self' ws://${authority} wss://${authority}`,
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
