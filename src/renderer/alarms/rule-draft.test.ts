import { describe, expect, test } from 'vitest';
import { type AlarmCondition, type AlarmRule, alarmRule } from '../../contract/alarm-schema.ts';
import { draftOfRule, ruleOfDraft } from './rule-draft.ts';
import { conditionText } from './rule-words.ts';

const rule = (condition: AlarmCondition): AlarmRule => ({
  id: 'r',
  name: 'Hot',
  channel: 'x/t',
  condition,
  hysteresis: condition.kind === 'silent' ? 0 : 0.5,
  delayS: 2,
  latch: true,
  severity: 'critical',
  actions: ['outputs.off'],
  enabled: false,
});
const CONDITIONS: [AlarmCondition, string][] = [
  [{ kind: 'above', limit: 85 }, '> 85 °C'],
  [{ kind: 'below', limit: -0.25 }, '< −0.25 °C'],
  [{ kind: 'inside', low: 4.9, high: 5.1 }, 'inside 4.9 °C … 5.1 °C'],
  [{ kind: 'outside', low: 0, high: 1000 }, 'outside 0 °C … 1000 °C'],
  [{ kind: 'rate', perSecond: 3, windowS: 10 }, 'faster than 3 °C/s over 10 s'],
  [{ kind: 'silent', seconds: 5 }, 'no data for 5 s'],
];

describe('every condition', () => {
  test.each(CONDITIONS)('goes into the form and comes out the same: %o', (condition, text) => {
    const before = rule(condition);
    const after = ruleOfDraft(draftOfRule(before), 'r', 'degC');
    expect(after).toEqual({ ok: true, rule: before });
    expect(after.ok && alarmRule.safeParse(after.rule).success).toBe(true);
    expect(conditionText(condition, 'degC')).toBe(text);
  });
});

test('limits are read as an engineer writes them', () => {
  const draft = { ...draftOfRule(undefined, 'x/v'), limit: '3v3', hysteresis: '50m' };
  expect(ruleOfDraft(draft, 'r', 'V')).toMatchObject({
    ok: true,
    rule: { condition: { kind: 'above', limit: 3.3 }, hysteresis: 0.05 },
  });
  expect(conditionText({ kind: 'above', limit: 0.0005 }, 'A')).toBe('> 500 µA');
});

test.each([
  [{ limit: '' }, 'limit', /Type a number/],
  [{ limit: '5 A' }, 'limit', /in A/],
  [{ kind: 'outside' as const, low: '5', high: '4' }, 'high', /above the lower/],
  [{ limit: '1', hysteresis: '-1' }, 'hysteresis', /negative/],
  [{ limit: '1', delayS: '100000' }, 'delayS', /a day/],
  [{ kind: 'rate' as const, perSecond: '0' }, 'perSecond', /above 0/],
  [{ kind: 'silent' as const, seconds: '0' }, 'seconds', /above 0/],
  [{ channel: '', limit: '1' }, 'channel', /channel/],
])('%o is refused at its field', (piece, field, reason) => {
  const read = ruleOfDraft({ ...draftOfRule(undefined, 'x/v'), ...piece }, 'r', 'V');
  expect(read.ok).toBe(false);
  if (!read.ok) expect(read.problems[field as keyof typeof read.problems]).toMatch(reason);
});
