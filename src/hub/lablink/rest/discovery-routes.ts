import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { LabError } from '../../../core/errors.ts';
import { askerOf } from '../../access/asker.ts';
import { isoTime } from '../../server-time.ts';
import { discoveredDevice } from '../found-device.ts';
import { type AddRoutes, anyObject, pathText } from './route.ts';

const tags = ['discovery'];
const METHODS = ['mdns', 'visa', 'usb', 'manual', 'cache'] as const;
/** How long a scan looks; ms. */
const SCAN_MS = 5000;
const scanBody = z
  .object({
    methods: z.array(z.enum(METHODS)).nullish(),
    test_connections: z.boolean().default(true),
    force_refresh: z.boolean().default(false),
  })
  .nullish();

/** Instruments the bench has found, attached or not. */
export const addDiscoveryRoutes: AddRoutes = (app, { parts: { bench, clock } }) => {
  const devices = () => bench.state.discovery.found.map((found) => discoveredDevice(found, bench));
  app.post(
    '/api/discovery/scan',
    { config: { right: 'control' }, schema: { tags, body: scanBody, response: { 200: anyObject } } },
    async ({ principal, body }) => {
      const startedNs = clock.nowNs();
      const before = new Set(devices().map(({ device_id }) => device_id));
      const as = askerOf(principal, 'lablink', 'discovery');
      const { found } = await bench.client.call('instrument.find', { withinMs: SCAN_MS }, { as });
      const all = found.map((one) => discoveredDevice(one, bench));
      const methods: readonly string[] = body?.methods ?? METHODS;
      const shown = all.filter(({ discovery_method }) => methods.includes(discovery_method));
      const of = (method: string) => shown.filter(({ discovery_method }) => discovery_method === method).length;
      const completedNs = clock.nowNs();
      return {
        scan_id: randomBytes(4).toString('hex'),
        started_at: isoTime(startedNs),
        completed_at: isoTime(completedNs),
        duration_ms: Number(completedNs - startedNs) / 1e6,
        devices_found: shown.length,
        new_devices: shown.filter(({ device_id }) => !before.has(device_id)).length,
        updated_devices: shown.filter(({ device_id }) => before.has(device_id)).length,
        mdns_count: of('mdns'),
        visa_count: of('visa'),
        usb_count: of('usb'),
        devices: shown,
        errors: faults(bench.state.discovery.searches),
        success: true,
      };
    },
  );
  app.get('/api/discovery/status', { schema: { tags, response: { 200: anyObject } } }, () => {
    const { isSearching, startedNs, searches } = bench.state.discovery;
    const all = devices();
    const count = (key: 'status' | 'discovery_method', word: string) => all.filter((one) => one[key] === word).length;
    return {
      is_running: isSearching,
      last_scan: startedNs === null ? null : isoTime(BigInt(startedNs)),
      next_scan: null,
      total_devices: all.length,
      available_devices: count('status', 'available'),
      connected_devices: count('status', 'connected'),
      offline_devices: count('status', 'offline'),
      mdns_devices: count('discovery_method', 'mdns'),
      visa_devices: count('discovery_method', 'visa'),
      usb_devices: count('discovery_method', 'usb'),
      manual_devices: count('discovery_method', 'manual'),
      last_scan_duration_ms: null,
      avg_scan_duration_ms: null,
      errors: faults(searches),
    };
  });
  app.get(
    '/api/discovery/devices',
    {
      schema: {
        tags,
        querystring: z.object({ device_type: z.string().max(50).optional(), status: z.string().max(50).optional() }),
        response: { 200: z.array(anyObject) },
      },
    },
    ({ query: { device_type, status } }) =>
      devices()
        .filter((one) => (device_type ?? one.device_type) === one.device_type && (status ?? one.status) === one.status)
        .map((one) => ({ ...one })),
  );
  app.get(
    '/api/discovery/devices/:device_id',
    { schema: { tags, params: z.object({ device_id: pathText }), response: { 200: anyObject } } },
    ({ params }) => {
      const found = devices().find(({ device_id }) => device_id === params.device_id);
      if (found) return { ...found };
      throw new LabError('hub.unknown', `Device ${params.device_id.slice(0, 100)} not found`);
    },
  );
  app.get('/api/discovery/info', { schema: { tags, response: { 200: anyObject } } }, () => ({
    enabled_methods: bench.state.discovery.searches
      .filter(({ state }) => state !== 'unavailable')
      .map(({ source }) => source),
    mdns_available: bench.state.discovery.searches.some(
      ({ source, state }) => source === 'mdns' && state !== 'unavailable',
    ),
    auto_discovery_enabled: false,
    history_enabled: false,
    recommendations_enabled: false,
    cache_enabled: true,
    supported_device_types: ['oscilloscope', 'power_supply', 'electronic_load', 'multimeter', 'unknown'],
  }));
};

function faults(searches: readonly { source: string; state: string; reason?: string | undefined }[]): string[] {
  return searches
    .filter(({ state }) => state === 'failed')
    .map(({ source, reason }) => `${source}: ${reason ?? 'failed'}`);
}
