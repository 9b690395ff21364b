import type { AlarmRule, AlarmState } from '../../contract/alarm-schema.ts';
import type { BenchState } from '../../contract/bench-schema.ts';
import type { Severity } from '../../contract/value-schema.ts';

const ORDER: readonly Severity[] = ['info', 'warning', 'error', 'critical'];

export interface ActiveAlarm {
  rule: AlarmRule;
  state: AlarmState;
}

/** Active and latched alarms: not shelved first, then the worst, then the newest. */
export function activeAlarms(bench: Pick<BenchState, 'rules' | 'alarms'>): ActiveAlarm[] {
  const rules = new Map(bench.rules.map((rule) => [rule.id, rule]));
  const rows = bench.alarms.flatMap((state) => {
    const rule = rules.get(state.rule);
    return rule && (state.state === 'active' || state.state === 'latched') ? [{ rule, state }] : [];
  });
  return rows.sort(
    (a, b) =>
      Number(a.state.shelvedUntilNs !== null) - Number(b.state.shelvedUntilNs !== null) ||
      ORDER.indexOf(b.rule.severity) - ORDER.indexOf(a.rule.severity) ||
      (BigInt(b.state.sinceNs) > BigInt(a.state.sinceNs) ? 1 : -1),
  );
}

/** Alarms that began to hold since `known` (rule and time) and are to be told: their rule notifies, nobody shelved them. */
export function newAlarms(bench: Pick<BenchState, 'rules' | 'alarms'>, known: ReadonlySet<string>): ActiveAlarm[] {
  return activeAlarms(bench).filter(
    ({ rule, state }) =>
      state.state === 'active' &&
      state.shelvedUntilNs === null &&
      rule.actions.includes('notify') &&
      !known.has(alarmKey({ rule, state })),
  );
}

/** Names one time that an alarm held. */
export function alarmKey({ rule, state }: ActiveAlarm): string {
  return `${rule.id} ${state.sinceNs}`;
}

export function worst(severities: readonly Severity[]): Severity | undefined {
  return severities.reduce<Severity | undefined>(
    (most, severity) => (most === undefined || ORDER.indexOf(severity) > ORDER.indexOf(most) ? severity : most),
    undefined,
  );
}
