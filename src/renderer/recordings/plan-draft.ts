import type { RecordingPlan, StartCondition, StopCondition } from '../../contract/plan-schema.ts';
import { parseQuantity } from '../../core/units-parse.ts';

/** One condition as typed. */
export interface ConditionDraft {
  kind: 'none' | 'above' | 'below' | 'time' | 'duration' | 'alarm' | 'alarm-over' | 'sweep';
  channel: string;
  /** Limit, time of day or seconds. */
  value: string;
  rule: string;
  sweep: string;
}

/** A plan as typed. */
export interface PlanDraft {
  name: string;
  start: ConditionDraft;
  stop: ConditionDraft;
  /** Beside the other: it ends after that long at the latest; '' for never. s */
  longest: string;
  before: string;
  after: string;
  repeats: boolean;
}

export type ReadPlan = { ok: true; plan: RecordingPlan } | { ok: false; problem: string };

const NOTHING: ConditionDraft = { kind: 'none', channel: '', value: '', rule: '', sweep: '' };

/** A new plan, or one to change. Conditions beyond the first of each kind are kept by the engine only until it is saved here. */
export function draftOfPlan(plan: RecordingPlan | undefined, channel: string): PlanDraft {
  const duration = plan?.stop.find((condition) => condition.kind === 'duration');
  const stop = plan?.stop.find((condition) => condition.kind !== 'duration');
  return {
    name: plan?.name ?? '',
    start: plan?.start[0] ? conditionDraft(plan.start[0]) : { ...NOTHING, kind: 'above', channel },
    stop: stop ? conditionDraft(stop) : { ...NOTHING, channel },
    longest: duration?.kind === 'duration' ? String(duration.seconds) : '',
    before: String(plan?.preTriggerS ?? 10),
    after: String(plan?.postTriggerS ?? 0),
    repeats: plan?.repeats ?? true,
  };
}

function conditionDraft(condition: StartCondition | StopCondition): ConditionDraft {
  switch (condition.kind) {
    case 'threshold': {
      const { condition: limit, channel } = condition;
      if (limit.kind === 'above' || limit.kind === 'below')
        return { ...NOTHING, kind: limit.kind, channel, value: String(limit.limit) };
      return { ...NOTHING, kind: 'above', channel };
    }
    case 'time':
      return { ...NOTHING, kind: 'time', value: condition.at };
    case 'duration':
      return { ...NOTHING, kind: 'duration', value: String(condition.seconds) };
    case 'alarm':
    case 'alarm-over':
      return { ...NOTHING, kind: condition.kind, rule: condition.rule };
    case 'sweep':
    case 'sweep-end':
      return { ...NOTHING, kind: 'sweep', sweep: condition.sweep };
  }
}

/** A plan from what was typed, or what is wrong with it. `unitOf`: unit shown of a channel. */
export function planOfDraft(draft: PlanDraft, id: string, unitOf: (channel: string) => string): ReadPlan {
  const name = draft.name.trim();
  if (name === '') return { ok: false, problem: 'Give it a name.' };
  const start = readCondition(draft.start, unitOf);
  if (typeof start === 'string') return { ok: false, problem: `Start: ${start}` };
  if (!start) return { ok: false, problem: 'Say what starts it.' };
  if (start.kind === 'duration' || start.kind === 'alarm-over' || start.kind === 'sweep-end') {
    return { ok: false, problem: 'That cannot start a recording.' };
  }
  const stop = readCondition(draft.stop, unitOf);
  if (typeof stop === 'string') return { ok: false, problem: `Stop: ${stop}` };
  const stops: StopCondition[] = [];
  if (stop && stop.kind !== 'sweep') stops.push(stop);
  if (stop?.kind === 'sweep') stops.push({ kind: 'sweep-end', sweep: stop.sweep });
  if (draft.longest.trim() !== '') {
    const seconds = secondsOf(draft.longest, 31_536_000);
    if (seconds === undefined || seconds <= 0)
      return { ok: false, problem: 'The longest time is a number of seconds.' };
    stops.push({ kind: 'duration', seconds });
  }
  const preTriggerS = secondsOf(draft.before, 86_400);
  const postTriggerS = secondsOf(draft.after, 86_400);
  if (preTriggerS === undefined || postTriggerS === undefined)
    return { ok: false, problem: 'Before and after are seconds, up to a day.' };
  const { repeats } = draft;
  return {
    ok: true,
    plan: {
      id,
      name,
      start: [start],
      stop: stops,
      preTriggerS,
      postTriggerS,
      repeats,
      enabled: true,
      notes: '',
      tags: [],
    },
  };
}

function readCondition(
  { kind, channel, value, rule, sweep }: ConditionDraft,
  unitOf: (channel: string) => string,
): StartCondition | StopCondition | string | undefined {
  switch (kind) {
    case 'none':
      return undefined;
    case 'above':
    case 'below': {
      if (channel === '') return 'pick a channel.';
      const limit = parseQuantity(value, unitOf(channel));
      if (!limit.ok) return limit.reason;
      return { kind: 'threshold', channel, condition: { kind, limit: limit.value }, delayS: 0 };
    }
    case 'time':
      return /^([01]\d|2[0-3]):[0-5]\d$/.test(value.trim()) ? { kind, at: value.trim() } : 'a time of day is HH:MM.';
    case 'duration': {
      const seconds = secondsOf(value, 31_536_000);
      return seconds !== undefined && seconds > 0 ? { kind, seconds } : 'a number of seconds.';
    }
    case 'alarm':
    case 'alarm-over':
      return rule === '' ? 'pick an alarm.' : { kind, rule };
    case 'sweep':
      return sweep === '' ? 'pick a sweep.' : { kind, sweep };
  }
}

function secondsOf(text: string, most: number): number | undefined {
  const seconds = Number(text);
  return text.trim() !== '' && seconds >= 0 && seconds <= most ? seconds : undefined;
}
