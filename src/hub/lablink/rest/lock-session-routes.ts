import { z } from 'zod';
import { LabError } from '../../../core/errors.ts';
import { lockEventShape, sessionShape } from '../lock-shape.ts';
import type { LabLinkPlace } from '../place.ts';
import { type AddRoutes, anyObject, done, pathText, queryCount } from './route.ts';

const tags = ['locks'];
const sessionPath = z.object({ session_id: pathText });
const session = z.object({
  session_id: z.string(),
  client_name: z.string().nullable(),
  client_ip: z.string().nullable(),
  created_at: z.string(),
  last_activity: z.string(),
  time_remaining: z.number().nullable(),
  duration_seconds: z.number(),
  metadata: anyObject,
});

/** Sessions that locks are taken under. */
export const addLockSessionRoutes: AddRoutes = (app, place) => {
  const { bench, clock } = place.parts;
  const nowMs = (): number => Number(clock.nowNs() / 1_000_000n);
  app.post(
    '/api/locks/sessions/create',
    {
      schema: {
        tags,
        body: z.object({
          client_name: z.string().max(100).nullish(),
          client_ip: z.string().max(100).nullish(),
          timeout_seconds: z.number().min(0).max(86_400).default(600),
          metadata: z.record(z.string().max(100), z.unknown()).nullish(),
        }),
        response: { 200: session },
      },
    },
    ({ principal, body, from }) => {
      // The address is what we see, not what the client says.
      const opened = place.locks.openSession(principal, {
        clientName: body.client_name ?? undefined,
        clientAddress: from,
        timeoutS: body.timeout_seconds,
        metadata: body.metadata ?? {},
      });
      return sessionShape(opened, nowMs());
    },
  );
  app.get(
    '/api/locks/sessions',
    { schema: { tags, response: { 200: z.object({ sessions: z.array(session), count: z.int() }) } } },
    () => {
      const sessions = place.locks.sessions().map((one) => sessionShape(one, nowMs()));
      return { sessions, count: sessions.length };
    },
  );
  app.get(
    '/api/locks/sessions/:session_id',
    { schema: { tags, params: sessionPath, response: { 200: session } } },
    ({ params }) => sessionShape(get(place, params.session_id), nowMs()),
  );
  app.delete(
    '/api/locks/sessions/:session_id',
    { schema: { tags, params: sessionPath, response: { 200: done } } },
    async ({ principal, params }) => {
      const { session_id } = params;
      const locks_released = await place.locks.endSession(principal, session_id);
      if (locks_released === undefined) throw unknown(session_id);
      return { success: true, message: 'Session ended', session_id, locks_released };
    },
  );
  app.post(
    '/api/locks/sessions/:session_id/activity',
    { schema: { tags, params: sessionPath, response: { 200: done } } },
    ({ principal, params }) => {
      const { session_id } = params;
      if (!place.locks.touchSession(principal, session_id)) throw unknown(session_id);
      return { success: true, message: 'Activity updated', session_id };
    },
  );
  app.get(
    '/api/locks/sessions/:session_id/locks',
    {
      schema: {
        tags,
        params: sessionPath,
        response: {
          200: z.object({ session_id: z.string(), locked_equipment: z.array(z.string()), count: z.int() }),
        },
      },
    },
    async ({ params }) => {
      const { id } = get(place, params.session_id);
      const locks = await place.locks.list();
      const held = new Set(
        locks.filter((lock) => lock.session === id && lock.state === 'held').map(({ instrument }) => instrument),
      );
      const locked_equipment = bench.equipment.filter(({ instrument }) => held.has(instrument.id)).map((one) => one.id);
      return { session_id: id, locked_equipment, count: locked_equipment.length };
    },
  );
  app.get(
    '/api/locks/sessions/:session_id/events',
    {
      schema: {
        tags,
        params: sessionPath,
        querystring: z.object({ limit: queryCount(1000, 100) }),
        response: { 200: z.object({ session_id: z.string(), events: z.array(anyObject) }) },
      },
    },
    ({ params, query }) => {
      const names = new Map(bench.equipment.map(({ id, instrument }) => [instrument.id, id]));
      const events = place.lockHistory.list({ session: params.session_id }, query.limit);
      return {
        session_id: params.session_id,
        events: events.map((event) => ({ ...lockEventShape(event, names.get(event.instrument) ?? '') })),
      };
    },
  );
};

function get({ locks }: LabLinkPlace, id: string) {
  const found = locks.session(id);
  if (found) return found;
  throw unknown(id);
}

function unknown(id: string): LabError {
  return new LabError('hub.unknown', `Session ${id.slice(0, 100)} not found`);
}
