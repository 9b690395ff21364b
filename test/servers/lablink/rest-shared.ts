import { refusal } from './lock-book.ts';
import type { RestRoute } from './rest-route.ts';
import { CRASH, ok } from './rest-route.ts';

/** Locks, acquisition, alarms. */
export const SHARED_ROUTES: RestRoute[] = [
  { method: 'POST', pattern: '/api/locks/acquire', run: ({ world, body }) => world.locks.acquire(body) },
  { method: 'POST', pattern: '/api/locks/release', run: ({ world, body }) => world.locks.release(body) },
  { method: 'GET', pattern: '/api/locks/status/:', run: ({ world, parts: [id = ''] }) => ok(world.locks.status(id)) },
  {
    method: 'POST',
    pattern: '/api/locks/activity/:',
    run: ({ world, parts: [id = ''], body }) => world.locks.touch(id, body.session_id),
  },
  {
    method: 'GET',
    pattern: '/api/locks/all',
    run: ({ world }) => {
      world.locks.sweep();
      const locks = [...world.locks.exclusive].map(([id, { lock }]) => [id, lock]);
      return ok({ exclusive_locks: Object.fromEntries(locks), observer_locks: {}, queues: {} });
    },
  },
  {
    method: 'POST',
    pattern: '/api/locks/sessions/create',
    run: ({ world, body }) => ok(world.locks.createSession(body.client_name)),
  },
  {
    method: 'GET',
    pattern: '/api/locks/sessions',
    run: ({ world }) => ok({ sessions: [...world.locks.sessions.values()], count: world.locks.sessions.size }),
  },
  {
    method: 'GET',
    pattern: '/api/locks/sessions/:',
    run: ({ world, parts: [id = ''] }) => {
      const session = world.locks.sessions.get(id);
      return session ? ok(session) : refusal(404, `Session ${id} not found`);
    },
  },
  {
    method: 'DELETE',
    pattern: '/api/locks/sessions/:',
    run: ({ world, parts: [id = ''] }) => world.locks.endSession(id),
  },
  {
    method: 'POST',
    pattern: '/api/locks/sessions/:/activity',
    run: ({ world, parts: [id = ''] }) =>
      world.locks.sessions.has(id) ? ok({ success: true }) : refusal(404, `Session ${id} not found`),
  },
  {
    method: 'DELETE',
    pattern: '/api/acquisition/session/:',
    run: ({ world, parts: [id = ''] }) => world.acquisitions.remove(id),
  },
  {
    method: 'POST',
    pattern: '/api/acquisition/session/create',
    run: ({ world, body }) => world.acquisitions.create(body),
  },
  { method: 'GET', pattern: '/api/acquisition/sessions', run: ({ world }) => ok(world.acquisitions.list()) },
  {
    method: 'POST',
    pattern: '/api/acquisition/session/:/(start|stop|pause|resume)',
    run: ({ world, parts: [id = '', action = ''] }) => world.acquisitions.act(id, action),
  },
  {
    method: 'GET',
    pattern: '/api/acquisition/session/:/status',
    run: ({ world, parts: [id = ''] }) => world.acquisitions.status(id),
  },
  {
    method: 'GET',
    pattern: '/api/acquisition/session/:/data',
    run: ({ world, parts: [id = ''], query }) =>
      world.acquisitions.data(id, Number(query.get('num_samples') ?? Number.MAX_SAFE_INTEGER)),
  },
  { method: 'POST', pattern: '/api/alarms/create', run: ({ world, body }) => world.alarms.create(body) },
  { method: 'POST', pattern: '/api/alarms/check', run: ({ world, body }) => world.alarms.check(body) },
  {
    method: 'GET',
    pattern: '/api/alarms',
    run: ({ world }) => ok({ success: true, count: world.alarms.rules.size, alarms: [...world.alarms.rules.values()] }),
  },
  { method: 'GET', pattern: '/api/alarms/events', run: () => refusal(404, 'Alarm events not found') },
  { method: 'GET', pattern: '/api/alarms/statistics', run: () => refusal(404, 'Alarm statistics not found') },
  {
    method: 'GET',
    pattern: '/api/alarms/events/active',
    run: ({ world }) =>
      ok({ success: true, count: world.alarms.active.size, events: [...world.alarms.active.values()] }),
  },
  {
    method: 'POST',
    pattern: '/api/alarms/events/acknowledge',
    run: ({ world, body }) => world.alarms.acknowledge(body),
  },
  { method: 'GET', pattern: '/api/diagnostics/system', run: () => refusal(500, 'Failed to get system diagnostics') },
  {
    method: 'GET',
    pattern: '/api/diagnostics/health/:',
    run: ({ world, parts: [id = ''] }) => {
      if (!world.restDevices.devices.has(id)) return refusal(404, `Device ${id} not found`);
      return ok({
        success: true,
        health: {
          equipment_id: id,
          timestamp: world.time.naive(),
          health_status: 'critical',
          health_score: 20,
          connection_status: 'fail',
          communication_status: 'unknown',
          performance_status: 'pass',
          functionality_status: 'fail',
          active_issues: [],
        },
      });
    },
  },
  { method: 'POST', pattern: '/api/diagnostics/crash', run: () => CRASH },
];
