import type { AlarmRule } from '../../contract/alarm-schema.ts';
import type { StateEvent } from '../../contract/events.ts';
import type { PlanState, RecordingPlan, StartCondition, StopCondition } from '../../contract/plan-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { unitSymbol } from '../../core/units.ts';
import type { ChannelBook } from '../acquisition/channel-book.ts';
import type { SampleFan } from '../acquisition/sample-fan.ts';
import { AlarmEngine } from '../alarm/alarm-engine.ts';
import type { EventLog } from '../state/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';
import { type PlanRecorder, PlanRunner } from './plan-runner.ts';
import { LOOK_MS, passed } from './time-of-day.ts';

export interface PlanDeskParts {
  clock: Clock;
  board: StateBoard;
  events: EventLog;
  channels: ChannelBook;
  fan: SampleFan;
  recorder: PlanRecorder;
  /** Something that belongs into the bench file has changed. */
  touched(): void;
  /** The wall clock, ms since 1970: times of day follow it, also when it is set. Default: the system's. */
  wallMs?: () => number;
}

interface Placed {
  runner: PlanRunner;
  plan: RecordingPlan;
}

/**
 * Recordings on conditions. Thresholds are judged by an alarm engine of its own on the fan, so they work with no window; alarms and sweeps are heard on the board.
 */
export class PlanDesk implements Disposable {
  readonly #parts: PlanDeskParts;
  readonly #thresholds: AlarmEngine;
  readonly #taps: Disposable[];
  /** Rule of the own engine → what it does. */
  #acts = new Map<string, () => void>();
  #placed: Placed[] = [];
  #timer: Disposable | undefined;
  #lookedMs: number;
  #wasRecording = false;

  constructor(parts: PlanDeskParts) {
    this.#parts = parts;
    this.#lookedMs = this.#wallMs();
    this.#thresholds = new AlarmEngine({
      clock: parts.clock,
      scaleOf: (channel) => parts.channels.scaleOf(channel),
      changed: () => undefined,
      transition: (rule, { to }) => {
        if (to === 'active') this.#acts.get(rule.id)?.();
      },
      act: () => '',
    });
    this.#taps = [parts.fan.add(this.#thresholds), parts.board.onChange((change) => this.#heard(change))];
    this.#look();
  }

  get plans(): RecordingPlan[] {
    return this.#placed.map(({ plan }) => plan);
  }

  get states(): PlanState[] {
    return this.#placed.map(({ runner }) => runner.state);
  }

  /** Puts a list in the place of the present one. A plan that is as it was goes on; one that changed begins anew (its recording goes on until a person stops it). Throws call.invalid. */
  set(plans: readonly RecordingPlan[]): void {
    if (new Set(plans.map(({ id }) => id)).size < plans.length) {
      throw new LabError('call.invalid', 'Two plans have one id. Nothing was changed; give each its own.');
    }
    this.#put(plans);
    this.#parts.touched();
  }

  /** The list of a bench file. */
  load(plans: readonly RecordingPlan[]): void {
    this.#put(plans);
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    for (const tap of this.#taps) tap[Symbol.dispose]();
    this.#thresholds[Symbol.dispose]();
    for (const { runner } of this.#placed) runner[Symbol.dispose]();
  }

  #put(plans: readonly RecordingPlan[]): void {
    const before = new Map(this.#placed.map((placed) => [placed.plan.id, placed]));
    for (const { id } of this.#thresholds.rules) this.#thresholds.remove(id);
    this.#acts = new Map();
    this.#placed = plans.map((plan) => {
      const known = before.get(plan.id);
      const isSame = known && JSON.stringify(known.plan) === JSON.stringify(plan);
      if (known) before.delete(plan.id);
      if (known && !isSame) known.runner[Symbol.dispose]();
      return isSame ? known : { plan, runner: this.#runner(plan) };
    });
    for (const { runner } of before.values()) runner[Symbol.dispose]();
    for (const placed of this.#placed) this.#watch(placed);
    this.#show();
  }

  #runner(plan: RecordingPlan): PlanRunner {
    const { clock, recorder, events } = this.#parts;
    const runner = new PlanRunner({
      plan,
      clock,
      recorder,
      changed: ({ state, text }) => {
        if (state === 'blocked')
          events.add({ kind: 'status', severity: 'warning', text: `Plan “${plan.name}”: ${text}` });
        this.#show();
      },
      rearmed: () => this.#beginIfHolding({ plan, runner }),
    });
    return runner;
  }

  /** Sets up what the conditions of a plan watch; an alarm that is active already counts at once. */
  #watch({ plan, runner }: Placed): void {
    if (!plan.enabled) return;
    for (const [index, condition] of plan.start.entries()) {
      if (condition.kind === 'threshold')
        this.#threshold(startRule(plan, index), condition, (why) => void runner.begin(why));
    }
    this.#beginIfHolding({ plan, runner });
    for (const [index, condition] of plan.stop.entries()) {
      if (condition.kind === 'threshold')
        this.#threshold(`${plan.id} stop ${index}`, condition, (why) => runner.end(why));
    }
  }

  /** What holds already begins nothing by itself any more, so it is looked at. */
  #beginIfHolding({ plan, runner }: Placed): void {
    const active = new Set(this.#thresholds.states.flatMap(({ rule, state }) => (state === 'active' ? [rule] : [])));
    for (const [index, condition] of plan.start.entries()) {
      if (condition.kind === 'alarm' && this.#isActive(condition.rule))
        void runner.begin(this.#alarmText(condition.rule, 'is active'));
      else if (condition.kind === 'threshold' && active.has(startRule(plan, index)))
        this.#acts.get(startRule(plan, index))?.();
    }
  }

  #threshold(
    id: string,
    { channel, condition, delayS }: Extract<StartCondition | StopCondition, { kind: 'threshold' }>,
    act: (why: string) => void,
  ): void {
    const rule: AlarmRule = {
      id,
      name: id,
      channel,
      condition,
      hysteresis: 0,
      delayS,
      latch: false,
      severity: 'info',
      actions: [],
      enabled: true,
    };
    this.#acts.set(id, () => {
      const known = this.#parts.channels.get(channel);
      act(`${known?.label ?? channel} is ${conditionText(condition, known?.shownUnit ?? '')}`);
    });
    this.#thresholds.set(rule);
  }

  #heard(change: StateEvent): void {
    if (change.event === 'alarm.changed') {
      const { rule, state } = change.data;
      if (state.state === 'active') {
        this.#each(
          'start',
          (condition) => condition.kind === 'alarm' && condition.rule === rule.id,
          `Alarm ${rule.name}`,
        );
        this.#each(
          'stop',
          (condition) => condition.kind === 'alarm' && condition.rule === rule.id,
          `Alarm ${rule.name}`,
        );
      } else if (state.state === 'normal') {
        this.#each(
          'stop',
          (condition) => condition.kind === 'alarm-over' && condition.rule === rule.id,
          `Alarm ${rule.name} is over`,
        );
      }
    } else if (change.event === 'sweep.changed') {
      const { sweep, state } = change.data.sweep;
      if (state === 'running')
        this.#each(
          'start',
          (condition) => condition.kind === 'sweep' && condition.sweep === sweep.id,
          `Sweep ${sweep.name}`,
        );
      else
        this.#each(
          'stop',
          (condition) => condition.kind === 'sweep-end' && condition.sweep === sweep.id,
          `Sweep ${sweep.name} has ended`,
        );
    } else if (change.event === 'recording.changed') {
      const isRecording = change.data.recording.state === 'recording' || change.data.recording.state === 'waiting';
      if (this.#wasRecording && !isRecording) for (const { runner } of this.#placed) runner.ended();
      this.#wasRecording = isRecording;
    }
  }

  #each(what: 'start' | 'stop', holds: (condition: StartCondition | StopCondition) => boolean, why: string): void {
    for (const { plan, runner } of this.#placed) {
      if (!plan.enabled) continue;
      if (what === 'start' && plan.start.some(holds)) void runner.begin(why);
      if (what === 'stop' && plan.stop.some(holds)) runner.end(why);
    }
  }

  #look(): void {
    this.#timer = this.#parts.clock.after(LOOK_MS, () => this.#look());
    const nowMs = this.#wallMs();
    const beforeMs = this.#lookedMs;
    this.#lookedMs = nowMs;
    for (const what of ['stop', 'start'] as const) {
      this.#each(
        what,
        (condition) => condition.kind === 'time' && passed(condition.at, beforeMs, nowMs),
        'The time of day has come',
      );
    }
  }

  #isActive(rule: string): boolean {
    return this.#parts.board.state.alarms.some((alarm) => alarm.rule === rule && alarm.state === 'active');
  }

  #alarmText(rule: string, what: string): string {
    return `Alarm ${this.#parts.board.state.rules.find(({ id }) => id === rule)?.name ?? rule} ${what}`;
  }

  #wallMs(): number {
    return (this.#parts.wallMs ?? Date.now)();
  }

  #show(): void {
    this.#parts.board.publish('plan.changed', { plans: this.plans, planStates: this.states });
  }
}

/** Id of the own rule of a start condition. */
function startRule(plan: RecordingPlan, index: number): string {
  return `${plan.id} start ${index}`;
}

/** `below 0.5 V`; `unit`: as shown. */
function conditionText(condition: AlarmRule['condition'], unit: string): string {
  const quantity = (value: number): string => `${value} ${unitSymbol(unit)}`.trim();
  switch (condition.kind) {
    case 'above':
    case 'below':
      return `${condition.kind} ${quantity(condition.limit)}`;
    case 'inside':
    case 'outside':
      return `${condition.kind} ${quantity(condition.low)} to ${quantity(condition.high)}`;
    case 'rate':
      return `changing faster than ${quantity(condition.perSecond)} a second`;
    case 'silent':
      return `silent for ${condition.seconds} s`;
  }
}
