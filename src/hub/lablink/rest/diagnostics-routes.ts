import { z } from 'zod';
import type { Diagnostics } from '../../../contract/discovery-schema.ts';
import type { Equipment } from '../../bench/equipment.ts';
import type { HubParts } from '../../hub-parts.ts';
import { isoTime } from '../../server-time.ts';
import { findEquipment } from '../find-equipment.ts';
import { isConnected } from '../status-shape.ts';
import { type AddRoutes, anyObject, equipmentPath } from './route.ts';

const tags = ['diagnostics'];
const BASE = '/api/diagnostics';
/** With one more key: `health`, `connection`, … */
const found = z.looseObject({ success: z.literal(true) });

/** How instruments are: counted by the engine on every exchange, so nothing is sent to find out. */
export const addDiagnosticsRoutes: AddRoutes = (app, { parts }) => {
  const { bench } = parts;
  const read = async (id: string): Promise<[Equipment, Diagnostics]> => {
    const equipment = findEquipment(bench, id);
    return [equipment, await bench.client.call('instrument.diagnostics', { instrument: equipment.instrument.id })];
  };
  for (const path of [`${BASE}/health/:equipment_id`, `${BASE}/health/:equipment_id/cached`])
    app.get(path, { schema: { tags, params: equipmentPath, response: { 200: found } } }, async ({ params }) => {
      const { equipment_id } = params as { equipment_id: string };
      return { success: true as const, cached: false, health: healthOf(parts, ...(await read(equipment_id))) };
    });
  app.get(
    `${BASE}/health`,
    {
      schema: {
        tags,
        response: {
          200: z.object({
            success: z.literal(true),
            count: z.int(),
            equipment_health: z.record(z.string(), anyObject),
          }),
        },
      },
    },
    async () => {
      const all = await Promise.all(bench.equipment.map(({ id }) => read(id)));
      const equipment_health = Object.fromEntries(
        all.map(([equipment, said]) => [equipment.id, healthOf(parts, equipment, said)]),
      );
      return { success: true as const, count: all.length, equipment_health };
    },
  );
  app.get(
    `${BASE}/connection/:equipment_id`,
    { schema: { tags, params: equipmentPath, response: { 200: found } } },
    async ({ params }) => ({
      success: true as const,
      connection: connectionOf(parts, ...(await read(params.equipment_id))),
    }),
  );
  app.get(
    `${BASE}/communication/:equipment_id`,
    { schema: { tags, params: equipmentPath, response: { 200: found } } },
    async ({ params }) => ({
      success: true as const,
      communication: communicationOf(...(await read(params.equipment_id))),
    }),
  );
  app.get(
    `${BASE}/errors/:equipment_id`,
    { schema: { tags, params: equipmentPath, response: { 200: anyObject } } },
    async ({ params }) => {
      const [equipment, { errors }] = await read(params.equipment_id);
      const list = errors.map(({ t, code, text }) => ({ timestamp: isoTime(BigInt(t)), code, message: text }));
      const last = list.at(-1);
      return {
        success: true,
        equipment_id: equipment.id,
        error: last?.message ?? null,
        error_code: last?.code ?? null,
        error_message: last?.message ?? null,
        errors: list,
      };
    },
  );
  app.get(
    `${BASE}/temperature/:equipment_id`,
    { schema: { tags, params: equipmentPath, response: { 200: anyObject } } },
    ({ params }) => ({
      success: true,
      equipment_id: findEquipment(bench, params.equipment_id).id,
      temperature_celsius: null,
      supported: false,
    }),
  );
  app.get(`${BASE}/system`, { schema: { tags, response: { 200: anyObject } } }, () => ({
    success: true,
    system: {
      timestamp: isoTime(parts.clock.nowNs()),
      uptime_seconds: Number(parts.clock.nowNs() - parts.startedNs) / 1e9,
      memory_usage_mb: process.memoryUsage().rss / 1e6,
      total_equipment: bench.equipment.length,
      connected_equipment: bench.equipment.filter(isConnected).length,
      connections: parts.connections.size,
    },
  }));
};

function healthOf(parts: HubParts, equipment: Equipment, said: Diagnostics): Record<string, unknown> {
  const { score, reasons } = said.health;
  const connected = isConnected(equipment);
  const isAnswering = equipment.instrument.state === 'live';
  return {
    equipment_id: equipment.id,
    timestamp: isoTime(parts.clock.nowNs()),
    health_status: !connected
      ? 'offline'
      : score >= 80
        ? 'healthy'
        : score >= 60
          ? 'degraded'
          : score >= 40
            ? 'warning'
            : 'critical',
    health_score: score,
    connection_status: connected ? 'pass' : 'fail',
    communication_status: isAnswering ? (said.timeouts > 0 ? 'warning' : 'pass') : 'fail',
    performance_status: 'unknown',
    functionality_status: said.errors.length > 0 ? 'warning' : 'pass',
    connection_diagnostics: connectionOf(parts, equipment, said),
    communication_diagnostics: communicationOf(equipment, said),
    performance_benchmark: null,
    active_issues: reasons,
    warnings: said.errors.slice(-10).map(({ text }) => text),
    recommendations: [],
    // Nothing is tested unasked.
    passed_tests: 0,
    failed_tests: 0,
    warning_tests: 0,
    test_results: [],
  };
}

function connectionOf({ clock }: HubParts, { id, instrument }: Equipment, said: Diagnostics): Record<string, unknown> {
  const sinceNs = BigInt(said.sinceNs);
  return {
    equipment_id: id,
    is_connected: instrument.state === 'live' || instrument.state === 'silent',
    connection_time: isoTime(sinceNs),
    disconnection_count: said.reopened,
    last_error: said.lastError?.message ?? null,
    uptime_seconds: Number(clock.nowNs() - sinceNs) / 1e9,
    visa_resource: instrument.resource,
    visa_interface_type: instrument.way,
    timeout_ms: null,
    response_time_ms: instrument.roundTripMs,
    packet_loss_percent: null,
    error_rate: rateOf(said),
  };
}

function communicationOf({ id }: Equipment, said: Diagnostics): Record<string, unknown> {
  const failed = said.timeouts;
  return {
    equipment_id: id,
    total_commands: said.queries,
    successful_commands: Math.max(0, said.queries - failed),
    failed_commands: failed,
    timeout_count: said.timeouts,
    retry_count: said.retries,
    average_response_time_ms: said.latency.p50Ms,
    min_response_time_ms: null,
    max_response_time_ms: said.latency.p95Ms,
    bytes_sent: said.bytesOut,
    bytes_received: said.bytesIn,
    data_transfer_rate_bps: null,
    last_error: said.lastError?.message ?? null,
    error_history: said.errors.map(({ text }) => text),
    error_rate: rateOf(said),
  };
}

function rateOf({ queries, timeouts }: Diagnostics): number {
  return queries === 0 ? 0 : timeouts / queries;
}
