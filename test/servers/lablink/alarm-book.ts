import type { Answer } from './lock-book.ts';
import { refusal } from './lock-book.ts';
import type { ServerTime } from './server-time.ts';

interface AlarmRule {
  alarm_id: string;
  name: string;
  equipment_id: string | null;
  parameter: string;
  condition: string;
  severity: string;
  threshold: number;
  notifications: string[];
}

interface AlarmEvent extends Record<string, unknown> {
  event_id: string;
  alarm_id: string;
  state: string;
}

/** Alarms: they fire only by `check`. */
export class AlarmBook {
  readonly rules = new Map<string, AlarmRule>();
  readonly active = new Map<string, AlarmEvent>();
  readonly #time: ServerTime;
  readonly #broadcast: (message: unknown) => void;
  /** `alarm_event`, `alarm_updated`, `alarm_cleared` reach sockets only with one set of managers. */
  readonly #isUnified: boolean;
  #next = 1;

  constructor(time: ServerTime, broadcast: (message: unknown) => void, isUnified: boolean) {
    this.#time = time;
    this.#broadcast = broadcast;
    this.#isUnified = isUnified;
  }

  create(body: Record<string, unknown>): Answer {
    const severity = String(body.severity ?? 'warning');
    if (!['info', 'warning', 'error', 'critical'].includes(severity))
      return refusal(400, "1 validation error for AlarmConfig\nseverity\n  Input should be 'info', 'warning', …");
    const id = `alarm_${String(this.#next++).padStart(8, '0')}`;
    this.rules.set(id, {
      alarm_id: id,
      name: String(body.name),
      equipment_id: typeof body.equipment_id === 'string' ? body.equipment_id : null,
      parameter: String(body.parameter),
      condition: String(body.condition ?? 'greater_than'),
      severity,
      threshold: Number(body.threshold),
      notifications: Array.isArray(body.notifications) ? body.notifications.map(String) : [],
    });
    return { status: 200, json: { success: true, alarm_id: id, message: 'Alarm created successfully' } };
  }

  check(body: Record<string, unknown>): Answer {
    const rule = this.rules.get(String(body.alarm_id));
    if (!rule) return refusal(404, `Alarm ${String(body.alarm_id)} not found`);
    const value = Number(body.value);
    const isOver = rule.condition === 'less_than' ? value < rule.threshold : value > rule.threshold;
    const current = [...this.active.values()].find((event) => event.alarm_id === rule.alarm_id);
    if (isOver && !current)
      return { status: 200, json: { success: true, triggered: true, event: this.#fire(rule, value) } };
    if (!isOver && current) {
      current.state = 'cleared';
      this.active.delete(current.event_id);
      if (this.#isUnified) this.#broadcast({ type: 'alarm_cleared', data: { event_id: current.event_id } });
      return { status: 200, json: { success: true, triggered: true, event: current } };
    }
    return { status: 200, json: { success: true, triggered: false, event: null } };
  }

  #fire(rule: AlarmRule, value: number): AlarmEvent {
    const event: AlarmEvent = {
      event_id: `event_${String(this.#next++).padStart(8, '0')}`,
      alarm_id: rule.alarm_id,
      state: 'active',
      severity: rule.severity,
      message: `Alarm: ${rule.name} - ${rule.parameter} = ${value}`,
      equipment_id: rule.equipment_id,
      parameter: rule.parameter,
      value,
      threshold: rule.threshold,
      triggered_at: this.#time.naive(),
      acknowledged_at: null,
      cleared_at: null,
      acknowledged_by: null,
      acknowledgment_note: null,
      escalated: false,
      escalated_at: null,
      notifications_sent: [],
      notification_count: 0,
      additional_data: {},
    };
    this.active.set(event.event_id, event);
    const { event_id, alarm_id, severity, message, equipment_id, parameter, threshold, triggered_at, state } = event;
    const common = { event_id, alarm_id, alarm_name: rule.name, severity, message, equipment_id, parameter };
    if (rule.notifications.includes('websocket'))
      this.#broadcast({ type: 'alarm', ...common, value, threshold, triggered_at, state });
    if (this.#isUnified)
      this.#broadcast({
        type: 'alarm_event',
        data: { ...common, state, value, threshold, timestamp: triggered_at },
      });
    return event;
  }

  acknowledge(body: Record<string, unknown>): Answer {
    const event = this.active.get(String(body.event_id));
    if (!event) return refusal(404, `Alarm event ${String(body.event_id)} not found`);
    if (typeof body.acknowledged_by !== 'string')
      return refusal(422, [{ type: 'missing', loc: ['body', 'acknowledged_by'], msg: 'Field required' }]);
    event.state = 'acknowledged';
    event.acknowledged_at = this.#time.naive();
    event.acknowledged_by = body.acknowledged_by;
    if (this.#isUnified)
      this.#broadcast({
        type: 'alarm_updated',
        data: {
          event_id: event.event_id,
          state: 'acknowledged',
          acknowledged_at: event.acknowledged_at,
          acknowledged_by: event.acknowledged_by,
        },
      });
    return { status: 200, json: { success: true, message: 'Alarm acknowledged' } };
  }
}
