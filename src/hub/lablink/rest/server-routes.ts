import { z } from 'zod';
import { maySubscribe } from '../../access/role.ts';
import type { HubParts } from '../../hub-parts.ts';
import { isoTime } from '../server-time.ts';
import type { AddRoutes } from './route.ts';

const OPEN = { config: { right: 'open' as const } };

const root = z.object({
  name: z.string(),
  version: z.string(),
  hostname: z.string(),
  status: z.literal('running'),
  security_enabled: z.boolean(),
});
const health = z.object({
  status: z.literal('healthy'),
  connected_devices: z.int(),
  connected: z.boolean(),
  timestamp: z.string(),
});
const version = z.object({
  success: z.literal(true),
  version: z.string(),
  version_info: z.object({ version: z.string(), major: z.int(), minor: z.int(), patch: z.int() }),
});

/** Who serves, and how it is. */
export const addServerRoutes: AddRoutes = (app, { parts }) => {
  app.get('/api', { ...OPEN, schema: { tags: ['server'], response: { 200: root } } }, async (request) => ({
    name: 'LabLink Server (Labwire)',
    version: parts.version,
    hostname: parts.name,
    status: 'running' as const,
    security_enabled: !(await isOpenToAll(parts, request.from)),
  }));
  app.get('/health', { ...OPEN, schema: { tags: ['server'], response: { 200: health } } }, () => {
    const connected = parts.bench.equipment.filter(({ instrument }) => instrument.state === 'live').length;
    return {
      status: 'healthy' as const,
      connected_devices: connected,
      connected: connected > 0,
      timestamp: isoTime(parts.clock.nowNs()),
    };
  });
  app.get('/api/system/version', { ...OPEN, schema: { tags: ['server'], response: { 200: version } } }, () => {
    const [major = 0, minor = 0, patch = 0] = parts.version.split(/[.-]/).map((part) => Number.parseInt(part, 10) || 0);
    return {
      success: true as const,
      version: parts.version,
      version_info: { version: parts.version, major, minor, patch },
    };
  });
};

/** Whether values can be had without a login. */
async function isOpenToAll({ access, roles }: HubParts, address: string): Promise<boolean> {
  try {
    const { role } = await access.authenticate(undefined, { address });
    return maySubscribe(role, 'readings', roles);
  } catch {
    return false;
  }
}
