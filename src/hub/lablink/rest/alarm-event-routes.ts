import { z } from 'zod';
import { LabError } from '../../../core/errors.ts';
import { askerOf } from '../../access/asker.ts';
import type { AlarmEvent } from '../alarm-event.ts';
import { SEVERITIES } from '../alarm-rule.ts';
import { findEquipment } from '../find-equipment.ts';
import { needAlarms } from '../read-right.ts';
import { findAlarm } from './alarm-routes.ts';
import { type AddRoutes, anyObject, done, pathText, queryCount } from './route.ts';

const CONTROL = { right: 'control' as const };
const tags = ['alarms'];
const list = z.object({ success: z.literal(true), count: z.int(), events: z.array(anyObject) });

/** What alarms raised: now and before, acknowledged and cleared. */
export const addAlarmEventRoutes: AddRoutes = (app, place) => {
  const { bench } = place.parts;
  const listed = (events: readonly AlarmEvent[]) => ({
    success: true as const,
    count: events.length,
    events: events.map((event) => ({ ...event })),
  });
  app.get('/api/alarms/events/active', { schema: { tags, response: { 200: list } } }, ({ principal }) => {
    needAlarms(place.parts, principal);
    return listed(place.alarms.active);
  });
  app.get(
    '/api/alarms/events',
    {
      schema: {
        tags,
        querystring: z.object({
          state: z.enum(['active', 'acknowledged', 'cleared', 'suppressed']).optional(),
          severity: z.enum(SEVERITIES).optional(),
          equipment_id: pathText.optional(),
          limit: queryCount(1000, 100),
        }),
        response: { 200: list },
      },
    },
    ({ principal, query: { state, severity, equipment_id, limit } }) => {
      needAlarms(place.parts, principal);
      const equipment = equipment_id === undefined ? undefined : findEquipment(bench, equipment_id).id;
      const fitting = place.alarms.all.filter(
        (event) =>
          (state ?? event.state) === event.state &&
          (severity ?? event.severity) === event.severity &&
          (equipment === undefined || event.equipment_id === equipment),
      );
      return listed(fitting.slice(0, limit));
    },
  );
  app.get(
    '/api/alarms/events/:event_id',
    {
      schema: {
        tags,
        params: z.object({ event_id: pathText }),
        response: { 200: z.object({ success: z.literal(true), event: anyObject }) },
      },
    },
    ({ principal, params }) => {
      needAlarms(place.parts, principal);
      const event = place.alarms.find(params.event_id);
      if (event) return { success: true as const, event: { ...event } };
      throw new LabError('hub.unknown', `Alarm event ${params.event_id.slice(0, 100)} not found`);
    },
  );
  app.post(
    '/api/alarms/events/acknowledge',
    {
      config: CONTROL,
      schema: {
        tags,
        body: z.object({
          event_id: pathText,
          acknowledged_by: z.string().min(1).max(200),
          note: z.string().max(2000).nullish(),
        }),
        response: { 200: done },
      },
    },
    async ({ principal, body }) => {
      const event = place.alarms.active.find(({ event_id }) => event_id === body.event_id);
      if (!event) throw new LabError('hub.unknown', `Alarm event ${body.event_id.slice(0, 100)} not found`);
      // Who is known by the login; what the client says stands beside it.
      const by =
        body.acknowledged_by === principal.name ? principal.name : `${body.acknowledged_by} (${principal.name})`;
      place.alarms.acknowledging(event.alarm_id, { by, note: body.note ?? null });
      const as = askerOf(principal, 'lablink', 'alarms');
      await bench.client.call('alarm.acknowledge', { rule: event.alarm_id }, { as });
      return { success: true, message: 'Alarm acknowledged' };
    },
  );
  app.post(
    '/api/alarms/:alarm_id/clear',
    { config: CONTROL, schema: { tags, params: z.object({ alarm_id: pathText }), response: { 200: done } } },
    async ({ principal, params }) => {
      const { id } = findAlarm(place, params.alarm_id);
      const state = bench.state.alarms.find(({ rule }) => rule === id)?.state;
      if (state !== 'active' && state !== 'latched')
        throw new LabError('hub.unknown', `No active alarm for ${params.alarm_id}`);
      if (state === 'active')
        throw new LabError(
          'hub.conflict',
          'The condition still holds, so the alarm stays active. Nothing was changed: acknowledge it, or change the alarm.',
        );
      place.alarms.acknowledging(id, { by: principal.name, note: null });
      await bench.client.call('alarm.acknowledge', { rule: id }, { as: askerOf(principal, 'lablink', 'alarms') });
      return { success: true, message: 'Alarm cleared' };
    },
  );
  app.get(
    '/api/alarms/statistics',
    { schema: { tags, response: { 200: z.object({ success: z.literal(true), statistics: anyObject }) } } },
    ({ principal }) => {
      needAlarms(place.parts, principal);
      const { rules } = bench.state;
      const { active, all } = place.alarms;
      const count = (of: (event: AlarmEvent) => string): Record<string, number> => {
        const sums: Record<string, number> = {};
        for (const event of all) sums[of(event)] = (sums[of(event)] ?? 0) + 1;
        return sums;
      };
      const statistics = {
        total_alarms: rules.length,
        enabled_alarms: rules.filter(({ enabled }) => enabled).length,
        disabled_alarms: rules.filter(({ enabled }) => !enabled).length,
        active_events: active.length,
        acknowledged_events: active.filter(({ state }) => state === 'acknowledged').length,
        total_events: all.length,
        by_severity: count(({ severity }) => severity),
        by_equipment: count(({ equipment_id }) => equipment_id ?? 'none'),
      };
      return { success: true as const, statistics };
    },
  );
};
