import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import fastifySwagger from '@fastify/swagger';
import fastify from 'fastify';
import {
  createJsonSchemaTransform,
  hasZodFastifySchemaValidationErrors,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod';
import { LabError } from '../../core/errors.ts';
import { ANONYMOUS } from '../access/principal.ts';
import { hasRight } from '../access/role.ts';
import type { HubParts } from '../hub-parts.ts';
import { addApiPage } from './api-page.ts';
import { bearerOf, callerOf } from './bearer.ts';
import type { HubApp, Profile } from './door.ts';
import { type FenceOptions, refuseRequest } from './fence.ts';
import { errorBody, retryAfterOf, statusOf } from './http-error.ts';
import { unprocessable } from './unprocessable.ts';

export interface RestOptions {
  parts: HubParts;
  fence: FenceOptions;
  /** Longest body; bytes. */
  maxBodyBytes: number;
  /** Adds its routes. */
  routes: readonly ((app: HubApp, parts: HubParts) => void)[];
}

export interface Rest {
  /** For 'request' of every port. */
  readonly listener: RequestListener;
  readonly app: HubApp;
}

/**
 * The REST of all dialects: fence, who asks, what they may, schemas, errors in one place. The routes are on every port.
 *
 * Fastify brings its own server; here it is given the requests of ours, because several ports share the routes.
 */
export async function openRest({ parts, fence, maxBodyBytes, routes }: RestOptions): Promise<Rest> {
  let listener: RequestListener = (_request, response) => void response.writeHead(503).end();
  const app = fastify({
    bodyLimit: maxBodyBytes,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 500 },
    exposeHeadRoutes: false,
    forceCloseConnections: false,
    serverFactory: (handler) => {
      listener = handler as RequestListener;
      return new IdleServer() as unknown as Server;
    },
  }).withTypeProvider<never>() as unknown as HubApp;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.decorateRequest('principal', null as never);
  app.decorateRequest('from', '');
  app.decorateRequest('profile', 'native');
  await app.register(fastifySwagger, {
    openapi: { openapi: '3.1.0', info: { title: `Labwire: ${parts.name}`, version: parts.version } },
    transform: createJsonSchemaTransform({ skipList: [] }),
  });
  app.addHook('onRequest', async (request, reply) => {
    const refusal = refuseRequest(request.headers, fence);
    if (refusal) throw Object.assign(new Error(refusal.text), { statusCode: refusal.status });
    const { origin } = request.headers;
    if (origin !== undefined && fence.origins.includes(origin)) {
      reply.headers(allowing(origin));
      // What a browser asks before it lets such a page send a token.
      if (request.method === 'OPTIONS') return reply.code(204).send();
    }
    request.from = callerOf(request.raw).address;
    request.profile = (request.raw as { hubProfile?: Profile }).hubProfile ?? 'native';
    const right = request.routeOptions.config.right ?? 'view';
    const token = bearerOf(request.raw, new URL(request.url, 'http://hub'));
    try {
      request.principal = await parts.access.authenticate(token, { address: request.from });
    } catch (thrown) {
      if (right !== 'open') throw thrown;
      request.principal = ANONYMOUS;
    }
    if (right === 'open' || hasRight(request.principal.role, right)) return;
    throw new LabError(
      'hub.forbidden',
      `${request.principal.name} may not do that here: it needs the right ${right}. Nothing was done.`,
    );
  });
  app.setErrorHandler((thrown, request, reply) => {
    if (hasZodFastifySchemaValidationErrors(thrown)) return reply.code(422).send(unprocessable(thrown));
    const status = (thrown as { statusCode?: number }).statusCode;
    if (!(thrown instanceof LabError) && status !== undefined && status < 500) {
      const text = thrown instanceof Error ? thrown.message : 'The request cannot be read.';
      return reply.code(status).send({ detail: text, error: text, message: text, code: 'hub.malformed' });
    }
    const error = LabError.from(thrown);
    const code = statusOf(error);
    if (code >= 500)
      parts.log.write('error', 'request.failed', { route: request.routeOptions.url, why: error.message });
    const retryAfterS = retryAfterOf(error);
    if (retryAfterS !== undefined) reply.header('retry-after', Math.ceil(retryAfterS));
    return reply.code(code).send(errorBody(error));
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ detail: 'Not Found' }));
  for (const add of routes) add(app, parts);
  addApiPage(app);
  await app.ready();
  return { listener: (request: IncomingMessage, response: ServerResponse) => listener(request, response), app };
}

/** Lets a page of an origin that is allowed read the answers. No cookies: the hub has none. */
function allowing(origin: string): Record<string, string> {
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
    'access-control-allow-headers': 'authorization, content-type, x-api-key, last-event-id',
    'access-control-max-age': '600',
    vary: 'origin',
  };
}

/** Stands where fastify expects a server of its own. */
class IdleServer {
  on(): this {
    return this;
  }
  once(): this {
    return this;
  }
  removeListener(): this {
    return this;
  }
  close(done?: () => void): void {
    done?.();
  }
  closeIdleConnections(): void {}
  closeAllConnections(): void {}
  setTimeout(): this {
    return this;
  }
}
