import { z } from 'zod';
import { maySubscribe } from '../../access/role.ts';
import type { HubParts } from '../../hub-parts.ts';
import { isoTime } from '../../server-time.ts';
import type { AddRoutes } from './route.ts';

const OPEN = { config: { right: 'open' as const } };

const root = z.object({
  name: z.string(),
  version: z.string(),
  hostname: z.string(),
  status: z.literal('running'),
  security_enabled: z.boolean(),
  protocols: z.array(z.string()),
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

/**
 * Up to 1.2.5 clients must mistrust a LabLink server: much of what it says it does not do. What is served here is what those versions mean to do, so it
 * counts as a later one; the version of the hub stands behind the plus.
 */
const LEVEL = { major: 1, minor: 3, patch: 0 } as const;

/** Who serves, and how it is. */
export const addServerRoutes: AddRoutes = (app, { parts }) => {
  app.get('/api', { ...OPEN, schema: { tags: ['server'], response: { 200: root } } }, async (request) => ({
    name: 'LabLink Server (Labwire)',
    version: versionOf(parts),
    hostname: parts.name,
    status: 'running' as const,
    security_enabled: !(await isOpenToAll(parts, request.from)),
    protocols: ['labwire.1', 'lablink', 'lablink-enhanced'],
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
    const said = versionOf(parts);
    return { success: true as const, version: said, version_info: { version: said, ...LEVEL } };
  });
};

function versionOf({ version: own }: HubParts): string {
  return `${LEVEL.major}.${LEVEL.minor}.${LEVEL.patch}+labwire.${own}`;
}

/** Whether values can be had without a login. */
async function isOpenToAll({ access, roles }: HubParts, address: string): Promise<boolean> {
  try {
    const { role } = await access.authenticate(undefined, { address });
    return maySubscribe(role, 'readings', roles);
  } catch {
    return false;
  }
}
