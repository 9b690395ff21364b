import type { AlarmRule, AlarmState } from '../../contract/alarm-schema.ts';
import type { BenchState } from '../../contract/bench-schema.ts';
import { alarmEventId } from '../bench/alarm-event-id.ts';
import { equipmentId } from '../bench/equipment.ts';
import type { ChannelDesk } from './channel-desk.ts';

/** What a client is told of an alarm; `cleared` only of one it was told. */
export type AlarmWord = 'active' | 'acknowledged' | 'cleared';

/** The word for an alarm as it stands. */
export function alarmWord({ state, acknowledged }: Pick<AlarmState, 'state' | 'acknowledged'>): AlarmWord {
  if (state !== 'active' && state !== 'latched') return 'cleared';
  return acknowledged ? 'acknowledged' : 'active';
}

/** Tells channel `alarms` each change of an alarm; those that stand are told to who comes later. */
export class AlarmEvents {
  readonly #desk: ChannelDesk;
  /** By rule: what was told last, and the id of that raising. */
  readonly #told = new Map<string, { word: AlarmWord; event: string }>();

  constructor(desk: ChannelDesk) {
    this.#desk = desk;
  }

  /** `before` undefined: at the begin. */
  follow(now: BenchState, before: BenchState | undefined): void {
    for (const alarm of now.alarms) {
      const rule = now.rules.find(({ id }) => id === alarm.rule);
      if (rule) this.#tell(rule, alarm, now);
    }
    const left = new Set(now.alarms.map(({ rule }) => rule));
    for (const rule of before?.rules ?? [])
      if (!left.has(rule.id) && this.#told.has(rule.id)) this.#tell(rule, undefined, now);
  }

  #tell(rule: AlarmRule, alarm: AlarmState | undefined, { channels, instruments }: BenchState): void {
    const word = alarm ? alarmWord(alarm) : 'cleared';
    const told = this.#told.get(rule.id);
    if (word === (told?.word ?? 'cleared')) return;
    const event = told?.event ?? (alarm ? alarmEventId(alarm) : rule.id);
    const channel = channels.find(({ id }) => id === rule.channel);
    const instrument = instruments.find(({ id }) => id === channel?.instrument);
    const label = channel?.label ?? rule.channel;
    const value = alarm?.value ?? null;
    const shown = value === null ? '' : ` (${value}${channel ? ` ${channel.shownUnit}` : ''})`;
    const data = {
      event_id: event,
      alarm_id: rule.id,
      state: word,
      severity: rule.severity,
      equipment_id: instrument ? equipmentId(instrument) : null,
      message: `${rule.name || label}: ${word}${shown}`,
      channel: label,
      value,
    };
    if (word === 'cleared') {
      this.#told.delete(rule.id);
      this.#desk.publish('alarms', 'alarm.cleared', data, { over: rule.id });
    } else {
      this.#told.set(rule.id, { word, event });
      this.#desk.publish('alarms', `alarm.${word}`, data, { standing: rule.id });
    }
  }
}
