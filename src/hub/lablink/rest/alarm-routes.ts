import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { AlarmRule } from '../../../contract/alarm-schema.ts';
import { LabError } from '../../../core/errors.ts';
import { askerOf } from '../../access/asker.ts';
import type { Principal } from '../../access/principal.ts';
import { isoTime } from '../../server-time.ts';
import { AlarmNotes } from '../alarm-notes.ts';
import {
  ALARM_CONDITIONS,
  ALARM_TYPES,
  channelOfParameter,
  ruleOf,
  SEVERITIES,
  wordsOf,
  wouldRaise,
} from '../alarm-rule.ts';
import { findEquipment } from '../find-equipment.ts';
import type { LabLinkPlace } from '../place.ts';
import { needAlarms } from '../read-right.ts';
import { type AddRoutes, anyObject, done, pathText } from './route.ts';

const CONTROL = { right: 'control' as const };
const tags = ['alarms'];
const alarmPath = z.object({ alarm_id: pathText });
const maybeNumber = z.number().nullable().default(null);
const fields = {
  name: z.string().min(1).max(200),
  description: z.string().max(2000).nullable().default(null),
  parameter: z.string().min(1).max(100),
  alarm_type: z.enum(ALARM_TYPES).default('threshold'),
  condition: z.enum(ALARM_CONDITIONS).default('greater_than'),
  severity: z.enum(SEVERITIES).default('warning'),
  threshold: maybeNumber,
  threshold_high: maybeNumber,
  threshold_low: maybeNumber,
  deadband: z.number().min(0).nullable().default(null),
  delay_seconds: z.number().min(0).max(86_400).default(0),
  auto_clear: z.boolean().default(true),
  enabled: z.boolean().default(true),
  notifications: z.array(z.string().max(50)).max(20).default([]),
  tags: z.array(z.string().max(100)).max(50).default([]),
};
const createBody = z.object({ ...fields, equipment_id: pathText });
type CreateBody = z.infer<typeof createBody>;
const updateBody = z.object({
  name: fields.name.optional(),
  description: z.string().max(2000).nullable().optional(),
  parameter: fields.parameter.optional(),
  condition: z.enum(ALARM_CONDITIONS).optional(),
  severity: z.enum(SEVERITIES).optional(),
  threshold: z.number().nullable().optional(),
  threshold_high: z.number().nullable().optional(),
  threshold_low: z.number().nullable().optional(),
  deadband: z.number().min(0).nullable().optional(),
  enabled: z.boolean().optional(),
  notifications: z.array(z.string().max(50)).max(20).optional(),
});
const one = z.looseObject({ success: z.literal(true), alarm: anyObject });

/** Alarms: rules of the engine, watched by it on every value measured. */
export const addAlarmRoutes: AddRoutes = (app, place) => {
  const { bench, clock } = place.parts;
  const notes = new AlarmNotes(place.parts);
  const save = async (principal: Principal, id: string, body: CreateBody, createdAt: string): Promise<void> => {
    const rule = ruleOf(id, findEquipment(bench, body.equipment_id), body);
    await bench.client.call('alarm.set', { rule }, { as: askerOf(principal, 'lablink', 'alarms') });
    const { description, alarm_type, condition, parameter, threshold, deadband, notifications } = body;
    const text = { description, alarm_type, condition, parameter, threshold, deadband, notifications, tags: body.tags };
    await notes.set(id, { ...text, created_at: createdAt, created_by: principal.name });
  };
  app.post(
    '/api/alarms/create',
    { config: CONTROL, schema: { tags, body: createBody, response: { 200: done } } },
    async ({ principal, body }) => {
      const alarm_id = `alarm_${randomBytes(4).toString('hex')}`;
      await save(principal, alarm_id, body, isoTime(clock.nowNs()));
      return { success: true, alarm_id, message: 'Alarm created successfully' };
    },
  );
  app.get(
    '/api/alarms',
    {
      schema: {
        tags,
        querystring: z.object({ equipment_id: pathText.optional(), enabled: z.stringbool().optional() }),
        response: { 200: z.object({ success: z.literal(true), count: z.int(), alarms: z.array(anyObject) }) },
      },
    },
    async ({ principal, query }) => {
      needAlarms(place.parts, principal);
      const all = await Promise.all(bench.state.rules.map((rule) => alarmShape(place, notes, rule)));
      const wanted = query.equipment_id === undefined ? undefined : findEquipment(bench, query.equipment_id).id;
      const alarms = all.filter(
        (alarm) =>
          (wanted === undefined || alarm.equipment_id === wanted) &&
          (query.enabled === undefined || alarm.enabled === query.enabled),
      );
      return { success: true as const, count: alarms.length, alarms };
    },
  );
  app.get(
    '/api/alarms/:alarm_id',
    { schema: { tags, params: alarmPath, response: { 200: one } } },
    async ({ principal, params }) => {
      needAlarms(place.parts, principal);
      return { success: true as const, alarm: await alarmShape(place, notes, findAlarm(place, params.alarm_id)) };
    },
  );
  app.put(
    '/api/alarms/:alarm_id',
    { config: CONTROL, schema: { tags, params: alarmPath, body: updateBody, response: { 200: one } } },
    async ({ principal, params, body }) => {
      const before = await alarmShape(place, notes, findAlarm(place, params.alarm_id));
      const changed = createBody.parse({ ...before, ...body });
      await save(principal, params.alarm_id, changed, before.created_at ?? isoTime(clock.nowNs()));
      const alarm = await alarmShape(place, notes, findAlarm(place, params.alarm_id));
      return { success: true as const, message: 'Alarm updated successfully', alarm };
    },
  );
  app.delete(
    '/api/alarms/:alarm_id',
    { config: CONTROL, schema: { tags, params: alarmPath, response: { 200: done } } },
    async ({ principal, params }) => {
      const { id } = findAlarm(place, params.alarm_id);
      await bench.client.call('alarm.remove', { rule: id }, { as: askerOf(principal, 'lablink', 'alarms') });
      return { success: true, message: 'Alarm deleted successfully' };
    },
  );
  for (const [action, enabled] of [
    ['enable', true],
    ['disable', false],
  ] as const)
    app.post(
      `/api/alarms/:alarm_id/${action}`,
      { config: CONTROL, schema: { tags, params: alarmPath, response: { 200: done } } },
      async ({ principal, params }) => {
        const rule = { ...findAlarm(place, params.alarm_id), enabled };
        await bench.client.call('alarm.set', { rule }, { as: askerOf(principal, 'lablink', 'alarms') });
        return { success: true, message: `Alarm ${action}d` };
      },
    );
  app.post(
    '/api/alarms/check',
    {
      schema: {
        tags,
        body: z.object({ alarm_id: pathText, value: z.number() }),
        response: {
          200: z.object({ success: z.literal(true), triggered: z.boolean(), event: anyObject.nullable() }),
        },
      },
    },
    ({ principal, body }) => {
      needAlarms(place.parts, principal);
      const rule = findAlarm(place, body.alarm_id);
      const triggered = wouldRaise(rule.condition, body.value) ?? false;
      const event = place.alarms.ofRule(rule.id);
      return { success: true as const, triggered, event: event ? { ...event } : null };
    },
  );
};

export function findAlarm({ parts: { bench } }: LabLinkPlace, id: string): AlarmRule {
  const rule = bench.state.rules.find((known) => known.id === id);
  if (rule) return rule;
  throw new LabError('alarm.unknown', `Alarm ${id.slice(0, 100)} not found`);
}

/** A rule as LabLink shows it; what its client said of it comes from the notes. */
async function alarmShape({ parts: { bench } }: LabLinkPlace, notes: AlarmNotes, rule: AlarmRule) {
  const note = await notes.of(rule.id);
  const equipment = bench.equipment.find(({ channels }) => channels.some(({ id }) => id === rule.channel));
  const channel = equipment?.channels.find(({ id }) => id === rule.channel);
  // The note holds while it still means the channel of the rule.
  const isSame = note && equipment && isChannel(equipment, note.parameter, rule.channel);
  const words = wordsOf(rule.condition);
  const isEquality = note?.condition === 'equal_to' || note?.condition === 'not_equal_to';
  return {
    alarm_id: rule.id,
    name: rule.name,
    description: note?.description ?? null,
    equipment_id: equipment?.id ?? null,
    parameter: isSame ? note.parameter : (channel?.name ?? rule.channel),
    alarm_type: words.alarm_type === 'threshold' ? (note?.alarm_type ?? 'threshold') : words.alarm_type,
    condition: note?.condition ?? words.condition,
    severity: rule.severity,
    threshold: isEquality ? note.threshold : words.threshold,
    threshold_high: isEquality ? null : words.threshold_high,
    threshold_low: isEquality ? null : words.threshold_low,
    deadband: isEquality ? note.deadband : rule.hysteresis,
    delay_seconds: rule.delayS,
    auto_clear: !rule.latch,
    enabled: rule.enabled,
    notifications: rule.actions.includes('notify') ? (note?.notifications ?? ['websocket']) : [],
    escalation_enabled: false,
    escalation_delay_minutes: null,
    created_at: note?.created_at ?? null,
    created_by: note?.created_by ?? null,
    tags: note?.tags ?? [],
  };
}

function isChannel(equipment: Parameters<typeof channelOfParameter>[0], parameter: string, channel: string): boolean {
  try {
    return channelOfParameter(equipment, parameter).id === channel;
  } catch {
    return false;
  }
}
