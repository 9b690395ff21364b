import type { AlarmAction, AlarmCondition, AlarmState } from '../../contract/alarm-schema.ts';
import type { ChannelState } from '../../contract/instrument-schema.ts';
import { unitSymbol } from '../../core/units.ts';
import { formatQuantity } from '../../core/units-format.ts';

export const CONDITION_WORDS: Record<AlarmCondition['kind'], string> = {
  above: 'is above',
  below: 'is below',
  inside: 'is inside',
  outside: 'is outside',
  rate: 'changes faster than',
  silent: 'gives no data for',
};

export const ACTION_WORDS: Record<AlarmAction, string> = {
  notify: 'Notify',
  mark: 'Mark in the recording',
  'recording.start': 'Start recording',
  'recording.stop': 'Stop recording',
  'outputs.off': 'Outputs off',
};

/** `> 85 °C`, `outside 4.9 V … 5.1 V`, `no data for 5 s`. */
export function conditionText(condition: AlarmCondition, unit: string): string {
  const quantity = (value: number): string => compact(value, unit);
  switch (condition.kind) {
    case 'above':
      return `> ${quantity(condition.limit)}`;
    case 'below':
      return `< ${quantity(condition.limit)}`;
    case 'inside':
      return `inside ${quantity(condition.low)} … ${quantity(condition.high)}`;
    case 'outside':
      return `outside ${quantity(condition.low)} … ${quantity(condition.high)}`;
    case 'rate':
      return `faster than ${quantity(condition.perSecond)}/s over ${condition.windowS} s`;
    case 'silent':
      return `no data for ${condition.seconds} s`;
  }
}

/** The value that decided, in the unit shown. */
export function alarmValue(state: AlarmState, channel: ChannelState | undefined): string {
  if (state.value === null) return '—';
  if (state.value === 'overload') return 'OL';
  if (state.value === '-overload') return '−OL';
  const resolution =
    channel?.resolution === null ? undefined : channel && Math.abs(channel.resolution * channel.scale.gain);
  return formatQuantity(state.value, channel?.shownUnit ?? '', { resolution: resolution || undefined }).text;
}

/** A limit as typed: no zeros nobody wrote. */
function compact(value: number, unit: string): string {
  const shown = formatQuantity(value, unit, { digits: 12, separator: '' });
  const number = shown.number.includes('.') ? shown.number.replace(/\.?0+$/, '') : shown.number;
  return `${number} ${shown.unit || unitSymbol(unit)}`.trim();
}
