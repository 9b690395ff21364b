import type { AlarmRule, AlarmState } from '../../contract/alarm-schema.ts';
import { isoTime } from '../server-time.ts';
import { wordsOf } from './alarm-rule.ts';

/** One time an alarm was raised, from then until it cleared, in the words of LabLink. */
export interface AlarmEvent {
  event_id: string;
  alarm_id: string;
  alarm_name: string;
  state: 'active' | 'acknowledged' | 'cleared';
  severity: AlarmRule['severity'];
  message: string;
  equipment_id: string | null;
  parameter: string;
  value: number | null;
  threshold: number | null;
  triggered_at: string;
  acknowledged_at: string | null;
  cleared_at: string | null;
  acknowledged_by: string | null;
  acknowledgment_note: string | null;
  escalated: boolean;
  escalated_at: string | null;
  notifications_sent: string[];
  notification_count: number;
  /** `overload`: the value was beyond the range; `did`: what the actions did. */
  additional_data: Record<string, unknown>;
}

export function alarmEvent(
  id: string,
  rule: AlarmRule,
  state: AlarmState,
  where: { equipment: string | null; parameter: string },
): AlarmEvent {
  const value = typeof state.value === 'number' ? state.value : null;
  const shown = state.value ?? 'no data';
  const isTold = rule.actions.includes('notify');
  return {
    event_id: id,
    alarm_id: rule.id,
    alarm_name: rule.name,
    state: state.acknowledged ? 'acknowledged' : 'active',
    severity: rule.severity,
    message: `Alarm: ${rule.name} - ${where.parameter} = ${shown}`,
    equipment_id: where.equipment,
    parameter: where.parameter,
    value,
    threshold: wordsOf(rule.condition).threshold,
    triggered_at: isoTime(BigInt(state.sinceNs)),
    acknowledged_at: null,
    cleared_at: null,
    acknowledged_by: null,
    acknowledgment_note: null,
    escalated: false,
    escalated_at: null,
    notifications_sent: isTold ? ['websocket'] : [],
    notification_count: isTold ? 1 : 0,
    additional_data: {
      ...(typeof state.value === 'string' ? { overload: state.value } : {}),
      ...(state.did.length > 0 ? { did: state.did } : {}),
    },
  };
}

/** What goes over the sockets when it is raised: the flat one only for alarms that notify, as LabLink does. */
export function raisedMessages(event: AlarmEvent): Record<string, unknown>[] {
  const { event_id, alarm_id, alarm_name, severity, message, equipment_id, parameter, value, threshold } = event;
  const common = { event_id, alarm_id, alarm_name, severity, message, equipment_id, parameter, value, threshold };
  const { state, triggered_at } = event;
  const data = { ...common, state, timestamp: triggered_at };
  const flat = event.notification_count > 0 ? [{ type: 'alarm', ...common, triggered_at, state }] : [];
  return [...flat, { type: 'alarm_event', data }];
}
