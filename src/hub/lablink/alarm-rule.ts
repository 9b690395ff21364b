import type { AlarmCondition, AlarmRule } from '../../contract/alarm-schema.ts';
import type { Severity } from '../../contract/value-schema.ts';
import { LabError } from '../../core/errors.ts';
import { channelOf } from '../bench/controls.ts';
import type { Equipment } from '../bench/equipment.ts';

export const ALARM_TYPES = [
  'threshold',
  'deviation',
  'rate_of_change',
  'equipment_error',
  'communication',
  'safety',
  'system',
  'custom',
] as const;
export const ALARM_CONDITIONS = [
  'greater_than',
  'less_than',
  'equal_to',
  'not_equal_to',
  'in_range',
  'out_of_range',
  'rising_edge',
  'falling_edge',
] as const;
export const SEVERITIES = ['info', 'warning', 'error', 'critical'] as const;

/** An alarm as a LabLink client asks for it. */
export interface AlarmAsk {
  name: string;
  equipment_id: string;
  parameter: string;
  alarm_type: (typeof ALARM_TYPES)[number];
  condition: (typeof ALARM_CONDITIONS)[number];
  severity: Severity;
  threshold: number | null;
  threshold_high: number | null;
  threshold_low: number | null;
  deadband: number | null;
  delay_seconds: number;
  auto_clear: boolean;
  enabled: boolean;
  notifications: string[];
}

/** Seconds over which a rate is taken. */
const RATE_WINDOW_S = 1;

/** The rule of the engine an alarm stands for. Throws call.invalid for what is missing, hub.unsupported for kinds the engine does not watch. */
export function ruleOf(id: string, equipment: Equipment, ask: AlarmAsk): AlarmRule {
  return {
    id,
    name: ask.name,
    channel: channelOfParameter(equipment, ask.parameter).id,
    condition: conditionOf(ask),
    hysteresis: isEquality(ask) ? 0 : (ask.deadband ?? 0),
    delayS: ask.delay_seconds,
    latch: !ask.auto_clear,
    severity: ask.severity,
    actions: ask.notifications.length > 0 ? ['notify', 'mark'] : ['mark'],
    enabled: ask.enabled,
  };
}

/** A measured channel by LabLink's words (`voltage`, `current_actual`) or our own name (`ch2.current`). Throws call.invalid. */
export function channelOfParameter(equipment: Equipment, parameter: string): Equipment['channels'][number] {
  const own = equipment.channels.find(({ name }) => name === parameter);
  const found = own ?? channelOf(equipment, 1, parameter.replace(/_actual$/, ''));
  if (found) return found;
  const known = equipment.channels.map(({ name }) => name).join(', ');
  throw new LabError(
    'call.invalid',
    `${equipment.id} measures no ${parameter.slice(0, 60)}. It measures: ${known}. Nothing was set.`,
  );
}

function isEquality({ condition }: AlarmAsk): boolean {
  return condition === 'equal_to' || condition === 'not_equal_to';
}

function conditionOf(ask: AlarmAsk): AlarmCondition {
  const { alarm_type, condition, threshold_high, threshold_low } = ask;
  if (alarm_type === 'communication') return { kind: 'silent', seconds: need(ask.threshold, 'threshold') };
  if (alarm_type === 'rate_of_change')
    return { kind: 'rate', perSecond: need(ask.threshold, 'threshold'), windowS: RATE_WINDOW_S };
  if (alarm_type !== 'threshold' && alarm_type !== 'safety' && alarm_type !== 'custom')
    throw new LabError(
      'hub.unsupported',
      `Alarms of the type ${alarm_type} are not watched here: there are threshold, rate_of_change and communication. Nothing was set.`,
    );
  switch (condition) {
    case 'greater_than':
    case 'rising_edge':
      return { kind: 'above', limit: need(ask.threshold, 'threshold') };
    case 'less_than':
    case 'falling_edge':
      return { kind: 'below', limit: need(ask.threshold, 'threshold') };
    case 'equal_to':
      return { kind: 'inside', ...around(ask) };
    case 'not_equal_to':
      return { kind: 'outside', ...around(ask) };
    case 'in_range':
      return { kind: 'inside', ...range(threshold_low, threshold_high) };
    case 'out_of_range':
      return { kind: 'outside', ...range(threshold_low, threshold_high) };
  }
}

/** Measured values are never equal to anything: the dead band says what counts as equal. */
function around({ threshold, deadband }: AlarmAsk): { low: number; high: number } {
  const middle = need(threshold, 'threshold');
  const half = need(deadband, 'deadband');
  return { low: middle - half, high: middle + half };
}

function range(low: number | null, high: number | null): { low: number; high: number } {
  const from = need(low, 'threshold_low');
  const to = need(high, 'threshold_high');
  if (from <= to) return { low: from, high: to };
  throw new LabError('call.invalid', 'threshold_low is above threshold_high. Nothing was set.');
}

function need(value: number | null, name: string): number {
  if (value !== null) return value;
  throw new LabError('call.invalid', `${name} is needed for an alarm of that kind. Nothing was set.`);
}

/** LabLink's words for a condition; of rules that screens made, too. */
export function wordsOf(condition: AlarmCondition): {
  alarm_type: AlarmAsk['alarm_type'];
  condition: AlarmAsk['condition'];
  threshold: number | null;
  threshold_low: number | null;
  threshold_high: number | null;
} {
  const none = { threshold: null, threshold_low: null, threshold_high: null };
  switch (condition.kind) {
    case 'above':
      return { alarm_type: 'threshold', condition: 'greater_than', ...none, threshold: condition.limit };
    case 'below':
      return { alarm_type: 'threshold', condition: 'less_than', ...none, threshold: condition.limit };
    case 'inside':
      return { alarm_type: 'threshold', condition: 'in_range', ...none, ...limits(condition) };
    case 'outside':
      return { alarm_type: 'threshold', condition: 'out_of_range', ...none, ...limits(condition) };
    case 'rate':
      return { alarm_type: 'rate_of_change', condition: 'greater_than', ...none, threshold: condition.perSecond };
    case 'silent':
      return { alarm_type: 'communication', condition: 'greater_than', ...none, threshold: condition.seconds };
  }
}

function limits({ low, high }: { low: number; high: number }) {
  return { threshold_low: low, threshold_high: high };
}

/** Whether a value would raise the alarm, by its limits alone; undefined: they say nothing about one value. */
export function wouldRaise(condition: AlarmCondition, value: number): boolean | undefined {
  switch (condition.kind) {
    case 'above':
      return value > condition.limit;
    case 'below':
      return value < condition.limit;
    case 'inside':
      return value >= condition.low && value <= condition.high;
    case 'outside':
      return value < condition.low || value > condition.high;
    case 'rate':
    case 'silent':
      return undefined;
  }
}
