import type { BenchState } from '../../contract/bench-schema.ts';
import type { PlanState, StartCondition, StopCondition } from '../../contract/plan-schema.ts';
import { conditionText } from '../alarms/rule-words.ts';
import { formatDuration } from '../text-format.ts';

/** The state of a plan as a word. */
export const PLAN_WORDS: Record<PlanState['state'], { word: string; tone: string }> = {
  off: { word: 'off', tone: 'quiet' },
  armed: { word: 'armed', tone: 'ok' },
  recording: { word: '● recording', tone: 'bad' },
  ending: { word: 'ending', tone: 'warn' },
  done: { word: 'done', tone: 'quiet' },
  blocked: { word: 'blocked', tone: 'warn' },
};

/** A condition in words: `Rail is above 5 V`. */
export function planConditionText(condition: StartCondition | StopCondition, bench: BenchState): string {
  switch (condition.kind) {
    case 'threshold': {
      const channel = bench.channels.find(({ id }) => id === condition.channel);
      const delay = condition.delayS > 0 ? ` for ${formatDuration(condition.delayS)}` : '';
      return `${channel?.label ?? condition.channel} ${conditionText(condition.condition, channel?.shownUnit ?? '')}${delay}`;
    }
    case 'time':
      return `at ${condition.at}`;
    case 'duration':
      return `after ${formatDuration(condition.seconds)}`;
    case 'alarm':
      return `alarm ${ruleName(bench, condition.rule)}`;
    case 'alarm-over':
      return `alarm ${ruleName(bench, condition.rule)} is over`;
    case 'sweep':
      return `sweep ${sweepName(bench, condition.sweep)} starts`;
    case 'sweep-end':
      return `sweep ${sweepName(bench, condition.sweep)} ends`;
  }
}

function ruleName(bench: BenchState, id: string): string {
  return bench.rules.find((rule) => rule.id === id)?.name ?? id;
}

function sweepName(bench: BenchState, id: string): string {
  return bench.sweeps.find(({ sweep }) => sweep.id === id)?.sweep.name ?? id;
}
