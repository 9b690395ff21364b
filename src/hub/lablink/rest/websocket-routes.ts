import { Readable } from 'node:stream';
import { z } from 'zod';
import { LabError } from '../../../core/errors.ts';
import { parsePriority } from '../../../protocol/lab/priority.ts';
import { recordingStats, startedAt } from '../../recording/recording-desk.ts';
import { isoTime } from '../../server-time.ts';
import { SOCKET_COMPRESSIONS } from '../../ws-settings.ts';
import type { LabLinkPlace } from '../place.ts';
import type { SocketClient } from '../socket/socket-client.ts';
import { type AddRoutes, anyObject, pathText } from './route.ts';

const tags = ['websocket'];
const CONTROL = { right: 'control' as const };
const MANAGE = { right: 'manage' as const };
const sessionPath = z.object({ session_id: pathText });
const clientPath = z.object({ client_id: pathText });
const stats = z.object({
  session_id: z.string(),
  filepath: z.string(),
  duration_seconds: z.number(),
  message_count: z.number(),
  bytes_written: z.number(),
  messages_per_second: z.number(),
});
const LEVELS = ['LOW', 'NORMAL', 'HIGH', 'CRITICAL'] as const;

/** The REST of the enhanced socket: recordings, connections, figures, a message to try it with. */
export const addWebSocketRoutes: AddRoutes = (app, place) => {
  app.post(
    '/api/websocket/recording/start',
    {
      config: CONTROL,
      schema: {
        tags,
        body: z.object({
          session_id: z.string().min(1).max(200),
          metadata: z.record(z.string().max(100), z.unknown()).nullish(),
        }),
        response: { 200: z.object({ session_id: z.string(), filepath: z.string(), started_at: z.string() }) },
      },
    },
    async ({ principal, body }) => {
      const started = await place.recordings.start(principal, body.session_id, body.metadata ?? {});
      const { filepath } = recordingStats(started);
      return { session_id: body.session_id, filepath, started_at: startedAt(started) };
    },
  );
  app.post(
    '/api/websocket/recording/stop/:session_id',
    { config: CONTROL, schema: { tags, params: sessionPath, response: { 200: stats } } },
    async ({ principal, params: { session_id } }) => ({
      session_id,
      ...recordingStats(await place.recordings.stop(principal, session_id)),
    }),
  );
  app.get(
    '/api/websocket/recording/stats/:session_id',
    { schema: { tags, params: sessionPath, response: { 200: stats } } },
    async ({ params: { session_id } }) => ({
      session_id,
      ...recordingStats(await place.recordings.stats(session_id)),
    }),
  );
  app.get(
    '/api/websocket/recording/active',
    { schema: { tags, response: { 200: z.array(z.string()) } } },
    () => place.recordings.active,
  );
  app.get(
    '/api/websocket/recording/download/:session_id/:part',
    {
      config: CONTROL,
      schema: { tags, params: sessionPath.extend({ part: z.coerce.number().int().min(1).max(100_000) }) },
    },
    async ({ params: { session_id, part } }, reply) => {
      const { name, sizeBytes, pieces } = await place.recordings.file(session_id, part);
      const encoded = encodeURIComponent(name);
      return reply
        .type(name.endsWith('.gz') ? 'application/gzip' : 'application/octet-stream')
        .header('content-length', sizeBytes)
        .header('content-disposition', `attachment; filename*=UTF-8''${encoded}`)
        .send(Readable.from(pieces));
    },
  );
  app.get('/api/websocket/connections', { schema: { tags, response: { 200: z.array(anyObject) } } }, () =>
    place.sockets.all.map((one) => connectionShape(place, one)),
  );
  app.get(
    '/api/websocket/connections/:client_id',
    { schema: { tags, params: clientPath, response: { 200: anyObject } } },
    ({ params }) => connectionShape(place, find(place, params.client_id)),
  );
  app.get(
    '/api/websocket/connections/:client_id/backpressure',
    { schema: { tags, params: clientPath, response: { 200: anyObject } } },
    ({ params }) => ({ ...find(place, params.client_id).backpressure() }),
  );
  app.get('/api/websocket/stats', { schema: { tags, response: { 200: anyObject } } }, () => ({
    ...place.sockets.stats,
    settings: place.parts.ws,
  }));
  app.post(
    '/api/websocket/test/send',
    {
      config: MANAGE,
      schema: {
        tags,
        body: z.object({
          client_id: z.string().max(100).nullish(),
          message: anyObject,
          priority: z.string().max(20).default('normal'),
          compression: z.enum(SOCKET_COMPRESSIONS).default('none'),
        }),
        response: { 200: z.object({ status: z.string(), message: z.string(), sent_to: z.int(), dropped: z.int() }) },
      },
    },
    ({ body }) => {
      const level = parsePriority(body.priority);
      const priority = LEVELS.find((one) => one === level);
      if (!priority) throw new LabError('call.invalid', 'priority is one of low, normal, high, critical.');
      const clients = body.client_id ? [find(place, body.client_id)] : place.sockets.all;
      const verdicts = clients.map((client) => client.test(body.message, priority, body.compression));
      const dropped = verdicts.filter((verdict) => verdict === 'dropped').length;
      const message = dropped === 0 ? 'Message queued for sending' : 'The queue had no room for it';
      return { status: dropped === 0 ? 'success' : 'dropped', message, sent_to: clients.length - dropped, dropped };
    },
  );
};

function find({ sockets }: LabLinkPlace, id: string) {
  const found = sockets.find(id);
  if (found) return found;
  throw new LabError('hub.unknown', `Connection ${id.slice(0, 100)} not found`);
}

function connectionShape({ parts }: LabLinkPlace, connection: SocketClient): Record<string, unknown> {
  const { id, principal, address, openedNs, dialect } = connection;
  const { priority, compression } = connection.preference;
  return {
    client_id: id,
    metadata: { connected_at: isoTime(openedNs), user_agent: 'unknown', compression, priority: priority.toLowerCase() },
    user: principal.name,
    role: principal.role,
    address,
    dialect,
    duration_seconds: Number(parts.clock.nowNs() - openedNs) / 1e9,
    ...connection.counts(),
    backpressure: connection.backpressure(),
  };
}
