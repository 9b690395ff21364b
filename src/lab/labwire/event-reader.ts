import { type LabwireMessage, parseLabwireAlarm } from '../../protocol/lab/labwire-messages.ts';
import type { LabServerEvent } from '../lab-server.ts';
import type { ServerClock } from '../server-clock/server-clock.ts';

type EventMessage = Extract<LabwireMessage, { type: 'event' }>;

/** Repeats that are told apart, at most. */
const MAX_KNOWN = 2000;

/** Events arrive at least once: each is told once, and each time acknowledged. */
export class EventReader {
  readonly #clock: ServerClock;
  readonly #nowNs: () => bigint;
  readonly #known = new Set<string>();

  constructor(clock: ServerClock, nowNs: () => bigint) {
    this.#clock = clock;
    this.#nowNs = nowNs;
  }

  /** The event for the screen; undefined: it was told before. */
  read(message: EventMessage): LabServerEvent | undefined {
    const key =
      message.id ?? (message.seq === undefined ? undefined : `${message.channel} ${message.ep}:${message.seq}`);
    if (key !== undefined) {
      if (this.#known.has(key)) return undefined;
      this.#known.add(key);
      for (const oldest of this.#known) {
        if (this.#known.size <= MAX_KNOWN) break;
        this.#known.delete(oldest);
      }
    }
    const alarm = message.channel === 'alarms' ? parseLabwireAlarm(message.data) : undefined;
    if (alarm)
      return {
        kind: 'alarm',
        id: alarm.event_id,
        state: alarm.state,
        severity: alarm.severity,
        equipment: alarm.equipment_id ?? '',
        text: alarm.message,
        atNs: this.#atNs(message.t),
      };
    const data = isRecord(message.data) ? message.data : {};
    return {
      kind: 'note',
      topic: message.channel,
      severity: severityOf(message.event_type),
      text: textOf(message, data),
      data,
    };
  }

  #atNs(t: number | undefined): bigint {
    const isTime = t !== undefined && Math.abs(t) < 9e15;
    return isTime ? this.#clock.toOurNs(BigInt(Math.round(t)) * 1000n) : this.#nowNs();
  }
}

function severityOf(eventType: string): 'info' | 'warning' | 'error' {
  if (/error|critical|fail/i.test(eventType)) return 'error';
  return /warn/i.test(eventType) ? 'warning' : 'info';
}

function textOf({ channel, event_type }: EventMessage, data: Record<string, unknown>): string {
  const { message, text } = data;
  const said = typeof message === 'string' ? message : typeof text === 'string' ? text : '';
  return `${event_type || channel}${said === '' ? '' : `: ${said}`}`.slice(0, 500);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
