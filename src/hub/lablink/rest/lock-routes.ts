import { z } from 'zod';
import { LabError } from '../../../core/errors.ts';
import { findEquipment } from '../find-equipment.ts';
import { lockEventShape, lockShape, queueShape, type SessionLock, sessionOf } from '../lock-shape.ts';
import type { LabLinkPlace } from '../place.ts';
import { type AddRoutes, anyObject, done, equipmentPath, pathText, queryCount } from './route.ts';

const tags = ['locks'];
const MODES = ['exclusive', 'observer'] as const;
const sessionText = z.string().min(1).max(300);
const lock = z.object({
  lock_id: z.string(),
  equipment_id: z.string(),
  session_id: z.string(),
  lock_mode: z.enum(MODES),
  acquired_at: z.string(),
  last_activity: z.string(),
  timeout_seconds: z.number(),
  holder: z.string(),
});
const waiter = z.object({
  queue_id: z.string(),
  equipment_id: z.string(),
  session_id: z.string(),
  lock_mode: z.enum(MODES),
  queued_at: z.string(),
  position: z.int(),
});
const acquired = z.union([
  z.object({ success: z.literal(true), status: z.enum(['locked', 'refreshed', 'observer']), lock }),
  z.object({
    success: z.literal(false),
    status: z.literal('queued'),
    message: z.string(),
    current_lock: lock,
    queue_entry: waiter,
  }),
]);
const status = z.object({
  equipment_id: z.string(),
  locked: z.boolean(),
  lock_mode: z.enum(MODES).nullable(),
  session_id: z.string().nullable(),
  lock_id: z.string().nullable(),
  acquired_at: z.string().nullable(),
  time_remaining: z.number().nullable(),
  observer_count: z.int().nullable(),
  observer_sessions: z.array(z.string()).nullable(),
  queue_length: z.int(),
});

/** Locks of equipment. They are the engine's: the screens at the bench obey them, and theirs are seen here. */
export const addLockRoutes: AddRoutes = (app, place) => {
  const { bench, clock } = place.parts;
  app.post(
    '/api/locks/acquire',
    {
      schema: {
        tags,
        body: z.object({
          equipment_id: pathText,
          session_id: sessionText,
          lock_mode: z.enum(MODES).default('exclusive'),
          timeout_seconds: z.number().min(0).max(86_400).default(300),
          queue_if_busy: z.boolean().default(false),
        }),
        response: { 200: acquired },
      },
    },
    async ({ principal, body }) => {
      const equipment = findEquipment(bench, body.equipment_id);
      const { instrument } = equipment;
      const before = (await place.locks.list(instrument.id)).find(isHeld);
      const isOthers = before !== undefined && before.session !== body.session_id;
      if (isOthers && body.lock_mode === 'observer')
        throw busy(`Equipment ${equipment.id} has exclusive lock by session ${sessionOf(before)}`, before);
      const request = {
        instrument: instrument.id,
        session: body.session_id,
        mode: body.lock_mode,
        timeoutS: body.timeout_seconds,
        queue: body.queue_if_busy,
      };
      const answer = await place.locks.acquire(principal, request).catch((thrown: unknown) => {
        const error = LabError.from(thrown);
        if (error.code !== 'instrument.locked' || !before) throw error;
        throw busy(`Equipment ${equipment.id} is locked by session ${sessionOf(before)}`, before);
      });
      const now = await place.locks.list(instrument.id);
      const own = now.find(({ id }) => id === answer.lock);
      if (!own) throw new LabError('lock.unknown', 'The lock ended as soon as it was given. Take it again.');
      if (answer.status !== 'queued')
        return { success: true as const, status: answer.status, lock: shape(place, own, equipment.id) };
      const holder = now.find(isHeld) ?? own;
      return {
        success: false as const,
        status: 'queued' as const,
        message: `Equipment locked by session ${sessionOf(holder)}`,
        current_lock: shape(place, holder, equipment.id),
        queue_entry: queueShape(own, equipment.id, answer.position - 1),
      };
    },
  );
  app.post(
    '/api/locks/release',
    {
      schema: {
        tags,
        body: z.object({ equipment_id: pathText, session_id: sessionText, force: z.boolean().default(false) }),
        response: { 200: z.object({ success: z.literal(true), status: z.string(), was_forced: z.boolean() }) },
      },
    },
    async ({ principal, body }) => {
      const { instrument } = findEquipment(bench, body.equipment_id);
      const held = (await place.locks.list(instrument.id)).find(isHeld);
      if (
        held &&
        held.session !== body.session_id &&
        !body.force &&
        !(await isWaiting(place, instrument.id, body.session_id))
      )
        throw new LabError('hub.forbidden', `Cannot release lock: owned by session ${sessionOf(held)}`);
      const released = await place.locks.release(principal, instrument.id, body.session_id, body.force);
      return { success: true as const, status: released.status, was_forced: released.wasForced };
    },
  );
  app.get(
    '/api/locks/status/:equipment_id',
    { schema: { tags, params: equipmentPath, response: { 200: status } } },
    async ({ params }) => {
      const equipment = findEquipment(bench, params.equipment_id);
      const locks = await place.locks.list(equipment.instrument.id);
      const held = locks.find(isHeld);
      const observers = locks.filter(({ mode }) => mode === 'observer');
      return {
        equipment_id: equipment.id,
        locked: held !== undefined,
        lock_mode: held ? held.mode : observers.length > 0 ? ('observer' as const) : null,
        session_id: held ? sessionOf(held) : null,
        lock_id: held?.id ?? null,
        acquired_at: held ? shape(place, held, equipment.id).acquired_at : null,
        time_remaining: held ? Number(BigInt(held.expiresNs) - clock.nowNs()) / 1e9 : null,
        observer_count: observers.length > 0 ? observers.length : null,
        observer_sessions: observers.length > 0 ? observers.map(sessionOf) : null,
        queue_length: locks.filter(isWaiter).length,
      };
    },
  );
  app.get(
    '/api/locks/queue/:equipment_id',
    {
      schema: {
        tags,
        params: equipmentPath,
        response: { 200: z.object({ equipment_id: z.string(), queue: z.array(waiter) }) },
      },
    },
    async ({ params }) => {
      const equipment = findEquipment(bench, params.equipment_id);
      const queue = (await place.locks.list(equipment.instrument.id)).filter(isWaiter);
      return { equipment_id: equipment.id, queue: queue.map((one, at) => queueShape(one, equipment.id, at)) };
    },
  );
  app.get(
    '/api/locks/all',
    {
      schema: {
        tags,
        response: {
          200: z.object({
            exclusive_locks: z.record(z.string(), lock),
            observer_locks: z.record(z.string(), z.array(lock)),
            queues: z.record(z.string(), z.array(waiter)),
          }),
        },
      },
    },
    async () => {
      const all = await place.locks.list();
      const exclusive_locks: Record<string, ReturnType<typeof lockShape>> = {};
      const observer_locks: Record<string, ReturnType<typeof lockShape>[]> = {};
      const queues: Record<string, ReturnType<typeof queueShape>[]> = {};
      for (const { id, instrument } of bench.equipment) {
        const locks = all.filter((one) => one.instrument === instrument.id);
        const held = locks.find(isHeld);
        if (held) exclusive_locks[id] = shape(place, held, id);
        const observers = locks.filter(({ mode }) => mode === 'observer');
        if (observers.length > 0) observer_locks[id] = observers.map((one) => shape(place, one, id));
        const queue = locks.filter(isWaiter);
        if (queue.length > 0) queues[id] = queue.map((one, at) => queueShape(one, id, at));
      }
      return { exclusive_locks, observer_locks, queues };
    },
  );
  app.get(
    '/api/locks/events/:equipment_id',
    {
      schema: {
        tags,
        params: equipmentPath,
        querystring: z.object({ limit: queryCount(1000, 100) }),
        response: { 200: z.object({ equipment_id: z.string(), events: z.array(anyObject), count: z.int() }) },
      },
    },
    ({ params, query }) => {
      const equipment = findEquipment(bench, params.equipment_id);
      const events = place.lockHistory.list({ instrument: equipment.instrument.id }, query.limit);
      return {
        equipment_id: equipment.id,
        events: events.map((event) => ({ ...lockEventShape(event, equipment.id) })),
        count: events.length,
      };
    },
  );
  app.post(
    '/api/locks/activity/:equipment_id',
    { schema: { tags, params: equipmentPath, body: z.object({ session_id: sessionText }), response: { 200: done } } },
    async ({ principal, params, body }) => {
      const equipment = findEquipment(bench, params.equipment_id);
      const { session_id } = body;
      if (!(await place.locks.touch(principal, equipment.instrument.id, session_id)))
        throw new LabError('hub.unknown', `No lock for session ${session_id} on equipment ${equipment.id}`);
      return { success: true, message: 'Activity updated', equipment_id: equipment.id, session_id };
    },
  );
  app.post('/api/locks/cleanup', { config: { right: 'manage' }, schema: { tags, response: { 200: done } } }, () => ({
    success: true,
    message: 'Locks and sessions that run out are ended by themselves; there was nothing to do.',
  }));
};

function isHeld({ mode, state }: SessionLock): boolean {
  return mode === 'exclusive' && state === 'held';
}

function isWaiter({ state }: SessionLock): boolean {
  return state === 'waiting';
}

/** A place in the queue, or an observer's lock, is given back like a lock. */
async function isWaiting({ locks }: LabLinkPlace, instrument: string, session: string): Promise<boolean> {
  return (await locks.list(instrument)).some((one) => one.session === session);
}

function shape({ locks }: LabLinkPlace, one: SessionLock, equipment: string) {
  return lockShape(one, equipment, one.session === undefined ? undefined : locks.session(one.session));
}

function busy(text: string, held: SessionLock): LabError {
  return new LabError('instrument.locked', `${text}. Nothing was changed.`, { lock: held.id, holder: held.holder });
}
