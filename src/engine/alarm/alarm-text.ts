import type { AlarmRule } from '../../contract/alarm-schema.ts';
import type { AlarmTransition } from './alarm-machine.ts';

/** What a transition says to a person: `Rail too high: raised (5.2 V)`. `unit`: as shown. */
export function transitionText(rule: AlarmRule, { to, value }: AlarmTransition, unit: string): string {
  const reading = Number.isNaN(value)
    ? 'no data'
    : Number.isFinite(value)
      ? `${Number(value.toPrecision(6))} ${unit}`.trim()
      : 'overload';
  switch (to) {
    case 'active':
      return `${rule.name}: raised (${reading})`;
    case 'pending':
      return `${rule.name}: pending (${reading})`;
    case 'latched':
      return `${rule.name}: back in range (${reading}), waiting to be acknowledged`;
    case 'normal':
      return `${rule.name}: ended (${reading})`;
  }
}

/** A transition as data of an event; overload as text, missing as null: JSON has neither. */
export function transitionData(rule: AlarmRule, { from, to, value }: AlarmTransition): Record<string, unknown> {
  const shown = Number.isNaN(value) ? null : Number.isFinite(value) ? value : value > 0 ? 'overload' : '-overload';
  return { rule: rule.id, from, to, value: shown };
}
