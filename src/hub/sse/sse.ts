import { z } from 'zod';
import { LabError } from '../../core/errors.ts';
import { maySubscribe } from '../access/role.ts';
import type { OpenDialect } from '../dialect.ts';
import { streamOf } from '../labwire/history-desk.ts';
import { PastReader } from '../labwire/past-reader.ts';
import { isOffered } from '../labwire/stream-form.ts';
import { SseConnection } from './sse-connection.ts';
import { parseEventId } from './sse-wire.ts';

/** Server-sent events: one stream over plain HTTP, for readers without WebSockets. `GET /api/v1/sse/{equipment%2Fstream}`. */
export const openSse: OpenDialect = (parts) => {
  const past = new PastReader(parts.bench, () => parts.clock.nowNs());
  return {
    routes: (app) =>
      app.get(
        '/api/v1/sse/:key',
        {
          schema: {
            summary: 'Rows of a stream as server-sent events, with Last-Event-ID',
            params: z.object({ key: z.string().max(500) }),
            querystring: z.object({ interval_ms: z.coerce.number().min(0).max(60_000).default(0) }),
          },
        },
        async (request, reply) => {
          const { principal, from } = request;
          if (!maySubscribe(principal.role, 'readings', parts.roles))
            throw new LabError(
              'hub.forbidden',
              'Values are for those with a login here. Nothing is sent; log in first.',
            );
          const { info } = streamOf(parts.bench, request.params.key);
          if (!isOffered(info))
            throw new LabError('hub.no-stream', `${request.params.key} holds waveforms, which are taken one by one.`);
          parts.connections.admit(from, principal.user);
          const last = request.headers['last-event-id'];
          reply.hijack();
          reply.raw.writeHead(200, {
            'content-type': 'text/event-stream',
            'cache-control': 'no-store',
            'x-accel-buffering': 'no',
          });
          reply.raw.flushHeaders();
          new SseConnection(
            parts,
            past,
            {
              key: request.params.key,
              feedKey: info.key,
              intervalMs: request.query.interval_ms,
              last: parseEventId(typeof last === 'string' ? last : undefined),
              principal,
              address: from,
            },
            reply.raw,
          );
        },
      ),
  };
};
