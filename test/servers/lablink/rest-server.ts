import { refusal } from './lock-book.ts';
import { isEnhanced } from './mode.ts';
import type { RestCall, RestRoute } from './rest-route.ts';
import { ok } from './rest-route.ts';

function mounted(call: RestCall, answer: () => ReturnType<RestRoute['run']>): ReturnType<RestRoute['run']> {
  return isEnhanced(call.world.mode) ? answer() : refusal(404, 'Not Found');
}

/** The server itself, login, discovery, profiles, jobs, and what only the enhanced socket's REST has. */
export const SERVER_ROUTES: RestRoute[] = [
  {
    method: 'GET',
    pattern: '/api',
    run: ({ world }) =>
      ok({
        name: 'LabLink Server',
        version: world.options.version ?? '1.2.5',
        hostname: `lablink-${world.mode}`,
        status: 'running',
        security_enabled: world.options.security ?? false,
      }),
  },
  {
    method: 'GET',
    pattern: '/health',
    run: ({ world }) => ok({ status: 'healthy', connected_devices: world.mainDevices.devices.size }),
  },
  {
    method: 'GET',
    pattern: '/api/system/version',
    run: ({ world }) =>
      ok({ success: true, version: world.options.version ?? '1.2.5', version_info: { major: 1, minor: 2, patch: 5 } }),
  },
  { method: 'POST', pattern: '/api/security/login', run: ({ world, body }) => world.security.login(body) },
  { method: 'POST', pattern: '/api/security/refresh', run: ({ world, body }) => world.security.refresh(body) },
  {
    method: 'GET',
    pattern: '/api/security/me',
    run: ({ world, bearer }) =>
      world.security.isGood(bearer) ? ok({ username: 'admin', is_active: true }) : refusal(401, 'Not authenticated'),
  },
  {
    method: 'POST',
    pattern: '/api/security/logout',
    run: ({ world, bearer }) =>
      world.security.isGood(bearer)
        ? ok({ message: 'Logged out successfully', sessions_destroyed: 1 })
        : refusal(401, 'Not authenticated'),
  },
  {
    method: 'POST',
    pattern: '/api/discovery/scan',
    run: async ({ world }) => {
      const resource = 'ASRL/dev/ttyS0::INSTR';
      const tell = (event_type: string, data: Record<string, unknown>) =>
        world.basic.broadcast({ type: 'discovery_progress', event_type, data, timestamp: world.time.naive() });
      tell('scan_started', { method: 'VISA', stage: 'starting' });
      tell('visa_progress', { message: 'Enumerating VISA resources...', stage: 'enumeration', query: '?*::INSTR' });
      tell('visa_progress', {
        message: `Querying device 1/1: ${resource}`,
        stage: 'querying',
        current: 1,
        total: 1,
        resource,
      });
      const message = 'Discovery complete: 1 devices identified';
      tell('visa_progress', { message, stage: 'complete', device_count: 1 });
      tell('scan_complete', { method: 'VISA', device_count: 1 });
      const device = {
        device_id: 'asrl/dev/ttys0_instr',
        resource_name: resource,
        manufacturer: 'Unknown',
        model: 'Serial Device (ASRL)',
        device_type: 'unknown',
        confidence_score: 0.3,
      };
      return ok({ scan_id: '7d210303', devices_found: 1, devices: [device], errors: [], success: true });
    },
  },
  {
    method: 'GET',
    pattern: '/api/profiles/list',
    run: ({ world }) => ok({ profiles: [...world.profiles.values()], count: world.profiles.size }),
  },
  {
    method: 'POST',
    pattern: '/api/profiles/:/apply/:',
    run: ({ world, parts: [name = '', id = ''] }) => {
      if (!world.profiles.has(name)) return refusal(404, `Profile '${name}' not found`);
      const message = `Profile '${name}' applied to equipment '${id}'`;
      return ok({ success: true, message, profile: null });
    },
  },
  {
    method: 'POST',
    pattern: '/api/scheduler/jobs/create',
    run: ({ world, body }) => {
      const id = `job_${String(world.jobs.size + 1).padStart(8, '0')}`;
      world.jobs.set(id, { job_id: id, enabled: true, ...body });
      return ok({ success: true, job_id: id, message: 'Job created successfully' });
    },
  },
  {
    method: 'GET',
    pattern: '/api/scheduler/jobs',
    run: ({ world }) => ok({ success: true, count: world.jobs.size, jobs: [...world.jobs.values()] }),
  },
  {
    method: 'POST',
    pattern: '/api/scheduler/jobs/:/run',
    run: ({ world, parts: [id = ''] }) =>
      world.jobs.has(id)
        ? ok({ success: true, execution_id: 'exec_07b7cc8b', message: 'Job triggered' })
        : refusal(404, `Job ${id} not found`),
  },
  // Nothing ever runs, so nothing is ever listed.
  {
    method: 'GET',
    pattern: '/api/scheduler/executions',
    run: () => ok({ success: true, count: 0, executions: [] }),
  },
  {
    method: 'GET',
    pattern: '/api/websocket/stats',
    run: (call) => mounted(call, () => ok({ total_connections: call.world.enhanced.clients.size })),
  },
  {
    method: 'GET',
    pattern: '/api/websocket/recording/active',
    run: (call) => mounted(call, () => ok([...call.world.enhanced.recordings.keys()])),
  },
  {
    method: 'POST',
    pattern: '/api/websocket/test/send',
    run: (call) =>
      mounted(call, () => {
        const { world, body } = call;
        for (const client of world.enhanced.clients)
          world.enhanced.send(client, body.message as Record<string, unknown>, 'normal', String(body.compression));
        return ok({ status: 'success', message: 'Message queued for sending' });
      }),
  },
];
