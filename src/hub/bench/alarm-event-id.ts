import { createHash } from 'node:crypto';
import type { AlarmState } from '../../contract/alarm-schema.ts';

/** Names one raising of one rule: the same whoever looks, so that what one socket tells can be acknowledged over another. `state`: as it was raised. */
export function alarmEventId({ rule, sinceNs }: Pick<AlarmState, 'rule' | 'sinceNs'>): string {
  return `event_${createHash('sha256').update(`${rule}\n${sinceNs}`).digest('hex').slice(0, 8)}`;
}
