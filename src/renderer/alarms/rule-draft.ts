import type { AlarmAction, AlarmCondition, AlarmRule } from '../../contract/alarm-schema.ts';
import type { Severity } from '../../contract/value-schema.ts';
import { parseQuantity } from '../../core/units-parse.ts';

/** A rule as typed. */
export interface RuleDraft {
  name: string;
  channel: string;
  kind: AlarmCondition['kind'];
  limit: string;
  low: string;
  high: string;
  perSecond: string;
  windowS: string;
  seconds: string;
  hysteresis: string;
  delayS: string;
  latch: boolean;
  severity: Severity;
  actions: AlarmAction[];
  enabled: boolean;
}

export type RuleProblems = Partial<Record<keyof RuleDraft, string>>;

const EMPTY: RuleDraft = {
  name: '',
  channel: '',
  kind: 'above',
  limit: '',
  low: '',
  high: '',
  perSecond: '',
  windowS: '1',
  seconds: '5',
  hysteresis: '0',
  delayS: '0',
  latch: false,
  severity: 'warning',
  actions: ['notify', 'mark'],
  enabled: true,
};

/** The draft of a rule, or an empty one for a channel. */
export function draftOfRule(rule: AlarmRule | undefined, channel = ''): RuleDraft {
  if (!rule) return { ...EMPTY, channel };
  const numbers = Object.fromEntries(
    Object.entries(rule.condition).flatMap(([key, value]) => (typeof value === 'number' ? [[key, String(value)]] : [])),
  );
  const { name, latch, severity, actions, enabled } = rule;
  return {
    ...EMPTY,
    ...numbers,
    name,
    latch,
    severity,
    actions,
    enabled,
    channel: rule.channel,
    kind: rule.condition.kind,
    hysteresis: String(rule.hysteresis),
    delayS: String(rule.delayS),
  };
}

/** The rule of a draft, or what is wrong with which field. Limits are read in the unit shown (`3v3`, `250m`). */
export function ruleOfDraft(
  draft: RuleDraft,
  id: string,
  unit: string,
): { ok: true; rule: AlarmRule } | { ok: false; problems: RuleProblems } {
  const problems: RuleProblems = {};
  const read = (key: keyof RuleDraft, fieldUnit: string, check?: (value: number) => string | undefined): number => {
    const parsed = parseQuantity(String(draft[key]), fieldUnit);
    if (!parsed.ok) {
      problems[key] = parsed.reason;
      return 0;
    }
    const wrong = check?.(parsed.value);
    if (wrong) problems[key] = wrong;
    return parsed.value;
  };
  const positive = (value: number): string | undefined => (value > 0 ? undefined : 'Must be above 0.');
  const notNegative = (value: number): string | undefined => (value >= 0 ? undefined : 'Must not be negative.');
  if (!draft.channel) problems.channel = 'Pick a channel.';

  const condition = ((): AlarmCondition => {
    switch (draft.kind) {
      case 'above':
      case 'below':
        return { kind: draft.kind, limit: read('limit', unit) };
      case 'inside':
      case 'outside': {
        const low = read('low', unit);
        const high = read('high', unit);
        if (!problems.low && !problems.high && low >= high) problems.high = 'Must be above the lower limit.';
        return { kind: draft.kind, low, high };
      }
      case 'rate':
        return {
          kind: 'rate',
          perSecond: read('perSecond', unit, positive),
          windowS: read('windowS', 's', (value) => positive(value) ?? (value > 3600 ? 'At most 3600 s.' : undefined)),
        };
      case 'silent':
        return {
          kind: 'silent',
          seconds: read('seconds', 's', (value) => positive(value) ?? (value > 86_400 ? 'At most a day.' : undefined)),
        };
    }
  })();
  const usesHysteresis = draft.kind !== 'silent';
  const hysteresis = usesHysteresis ? read('hysteresis', unit, notNegative) : 0;
  const delayS = read('delayS', 's', (value) => notNegative(value) ?? (value > 86_400 ? 'At most a day.' : undefined));
  if (Object.keys(problems).length > 0) return { ok: false, problems };
  const { channel, latch, severity, actions, enabled } = draft;
  const name = draft.name.trim() || 'Alarm';
  return { ok: true, rule: { id, name, channel, condition, hysteresis, delayS, latch, severity, actions, enabled } };
}
