import { expect, test } from 'vitest';
import { recordingPlan } from '../../contract/plan-schema.ts';
import { draftOfPlan, planOfDraft } from './plan-draft.ts';

const unitOf = (): string => 'V';

test('what is typed becomes a plan the contract takes, and back', () => {
  const draft = { ...draftOfPlan(undefined, 'dut/v'), name: ' Night ', longest: '3600', before: '5' };
  draft.start.value = '3v3';
  draft.stop = { ...draft.stop, kind: 'below', value: '500m' };
  const read = planOfDraft(draft, 'p', unitOf);
  expect(read).toMatchObject({
    ok: true,
    plan: {
      name: 'Night',
      start: [{ kind: 'threshold', channel: 'dut/v', condition: { kind: 'above', limit: 3.3 } }],
      stop: [
        { kind: 'threshold', condition: { kind: 'below', limit: 0.5 } },
        { kind: 'duration', seconds: 3600 },
      ],
      preTriggerS: 5,
    },
  });
  if (!read.ok) return;
  expect(recordingPlan.safeParse(read.plan).success).toBe(true);
  expect(planOfDraft(draftOfPlan(read.plan, ''), 'p', unitOf)).toEqual(read);
});

test.each([
  [{ name: '' }, 'name'],
  [{ name: 'x' }, 'Start'],
  [{ name: 'x', start: { kind: 'time', channel: '', value: '25:00', rule: '', sweep: '' } }, 'HH:MM'],
  [{ name: 'x', start: { kind: 'none', channel: '', value: '', rule: '', sweep: '' } }, 'what starts'],
  [{ name: 'x', start: { kind: 'time', channel: '', value: '22:00', rule: '', sweep: '' }, before: 'soon' }, 'seconds'],
  [{ name: 'x', start: { kind: 'alarm', channel: '', value: '', rule: '', sweep: '' } }, 'alarm'],
] as const)('%o is refused with what to do', (change, word) => {
  const read = planOfDraft({ ...draftOfPlan(undefined, 'dut/v'), ...change }, 'p', unitOf);
  expect(read.ok).toBe(false);
  if (!read.ok) expect(read.problem).toContain(word);
});
