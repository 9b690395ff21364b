import type { Clock } from '../../core/clock.ts';
import { delay } from '../../core/clock.ts';
import { createDeferred, type Deferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import type { Control, ControlValue } from '../../core/instrument.ts';
import { cancellation } from '../transport/read-buffer.ts';
import { judge, type OutputChange, type OutputState } from './judge.ts';
import { changeOf, judgeText, type TextPlace, type TextVerdict } from './judge-text.ts';
import { type OutputLimits, tightest } from './limits.ts';
import { isUncoupled, type OutputControl, type OutputShape, outputShape } from './output-shape.ts';
import type { SafetyTarget } from './safety-host.ts';
import { pauseBeforeMs, rampSteps, slewOf } from './slew.ts';
import { writeForms, writtenNumber } from './write-form.ts';

export interface GateParts {
  clock: Clock;
  limitsOf(instrument: string, group: string): OutputLimits | undefined;
  isLimited(instrument: string): boolean;
  /** A refusal, for the time axis. */
  refused(target: SafetyTarget, error: LabError): void;
}

/** A setpoint on its way to where it shall be. */
interface Ramp {
  instrument: string;
  control: string;
  controller: AbortController;
  ended: Deferred<void>;
}

/** What a setting takes: sent already, or a ramp. */
type Plan = { readBack: Record<string, ControlValue> } | { ramp: Ramp; steps: Step[]; states: States; turn: number };

interface Step {
  value: ControlValue;
  change: number;
}

type States = ReadonlyMap<string, OutputState>;

/** A single step waits so long in its turn; one that must wait longer is a ramp, which lets others pass; ms. */
const SHORT_MS = 100;

/**
 * Through here goes everything that may move an output with limits, one after the other for each instrument:
 *
 *     ask ──▶ wait for those before ──▶ read back the output ──▶ judge ──may not──▶ safety.refused, nothing sent
 *                                                                  │ may
 *                                                                  ▼
 *                                                                send ──a ramp: the next step, in a turn of its own──▶ (ask)
 *
 * Nothing of others of this engine comes between reading and sending, so no order of calls gets past a limit. Between two steps of a ramp other settings of
 * a card have their turns, so a current limit is lowered at once; the step after them reads back anew. A text waits for the ramps. What has no limits passes
 * at once. Outputs off does not come this way: it aborts the signal of what waits here.
 */
export class SafetyGate {
  readonly #parts: GateParts;
  /** The last one of each instrument. */
  readonly #queues = new Map<string, Promise<unknown>>();
  /** Turns there were, by instrument. */
  readonly #turns = new Map<string, number>();
  readonly #ramps = new Set<Ramp>();
  /** When a setpoint was changed last, ms: by instrument and control. */
  readonly #changedMs = new Map<string, number>();

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  async set(
    target: SafetyTarget,
    control: Control,
    value: ControlValue,
    send: (value: ControlValue) => Promise<Record<string, ControlValue>>,
    signal: AbortSignal,
  ): Promise<Record<string, ControlValue>> {
    const outputs = outputShape(target.shape);
    const output = outputs.controls.find((one) => one.control.id === control.id);
    if (!output || !this.#parts.isLimited(target.id)) return send(value);
    const limited = output.groups.filter((group) => this.#limitsOf(target, outputs, group) !== undefined);
    if (limited.length === 0 && outputs.couplings.length === 0) return send(value);
    const change = changeOf(output, value);
    const isOff = change?.kind === 'switch' && !change.on;
    // A ramp ends with the next wish for the same setpoint, and with switching off, which waits for nobody.
    this.#endRamps(target, isOff ? undefined : control.id);
    if (isOff) return send(value);
    const check = (states: States, next: ControlValue): void => {
      const judged = this.#judged(target, control, change, next);
      for (const group of limited) this.#check(target, outputs, group, states.get(group), judged, control.label);
    };
    const sendStep = async (step: ControlValue): Promise<Record<string, ControlValue>> => {
      const readBack = await send(step);
      this.#changedMs.set(`${target.id}/${control.id}`, this.#parts.clock.monotonicMs());
      return readBack;
    };
    const plan = await this.#serially(target, signal, async (turn): Promise<Plan> => {
      if (!change) throw this.#refuse(target, `${control.label}: what it does to the other outputs cannot be judged`);
      this.#endRamps(target, control.id);
      const states = await this.#states(target, outputs, limited, change);
      check(states, value);
      const steps = this.#stepsOf(target, output, limited, states, change, value);
      const [first] = steps;
      if (steps.length <= 1 && this.#waitMs(target, output, limited, first?.change ?? 0) <= SHORT_MS) {
        await this.#pause(target, output, limited, first?.change ?? 0, signal);
        // Limits may have been changed meanwhile.
        check(states, value);
        return { readBack: await sendStep(value) };
      }
      const ramp = {
        instrument: target.id,
        control: control.id,
        controller: new AbortController(),
        ended: createDeferred<void>(),
      };
      this.#ramps.add(ramp);
      return { ramp, steps, states, turn };
    });
    if ('readBack' in plan) return plan.readBack;
    const { ramp, steps } = plan;
    let { states, turn } = plan;
    const either = AbortSignal.any([signal, ramp.controller.signal]);
    let readBack: Record<string, ControlValue> = {};
    try {
      for (const step of steps) {
        await this.#pause(target, output, limited, step.change, either);
        readBack = await this.#serially(target, either, async (mine) => {
          if (mine !== turn + 1 && change) states = await this.#states(target, outputs, limited, change);
          turn = mine;
          check(states, step.value);
          return sendStep(step.value);
        });
      }
      return readBack;
    } finally {
      this.#ramps.delete(ramp);
      ramp.ended.resolve();
    }
  }

  async text<T>(target: SafetyTarget, text: string, send: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (!this.#parts.isLimited(target.id)) return send();
    // Once without knowing the outputs: a question needs no look at them, and waits for no ramp; nor does switching off, which ends it.
    const first = judgeText(text, { ...this.#placeOf(target), states: new Map() });
    if ('changes' in first && first.changes.every(({ change }) => change.kind === 'switch' && !change.on)) {
      if (first.changes.length > 0) this.#endRamps(target, undefined);
      return send();
    }
    for (;;) {
      await this.#rampsEnded(target, signal);
      const done = await this.#serially(target, signal, async (): Promise<{ result: T } | undefined> => {
        // One has begun while this waited for its turn.
        if (this.#rampsOf(target).length > 0) return undefined;
        return { result: await this.#judgedText(target, text, send, signal) };
      });
      if (done) return done.result;
    }
  }

  async #judgedText<T>(target: SafetyTarget, text: string, send: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const place = this.#placeOf(target);
    const { outputs } = place;
    const limited = outputs.groups.filter((group) => place.limitsOf(group) !== undefined);
    const changes = judgeText(text, { ...place, limitsOf: () => undefined, states: new Map() });
    const coupled = 'changes' in changes ? changes.changes.map(({ change }) => change) : [];
    const states = await this.#states(target, outputs, limited, ...coupled);
    const verdict = judgeText(text, { ...place, states });
    if ('refused' in verdict) throw this.#refuse(target, verdict.refused);
    const since = Math.min(...[...this.#sinceChange(target)]);
    if (verdict.pauseMs > since) await delay(this.#parts.clock, verdict.pauseMs - since, signal);
    const result = await send();
    for (const { group, change } of verdict.changes) this.#mark(target, outputs, group, change);
    return result;
  }

  #rampsOf({ id }: SafetyTarget): Ramp[] {
    return [...this.#ramps].filter(({ instrument }) => instrument === id);
  }

  /** Ends the ramps of a control, or all. */
  #endRamps(target: SafetyTarget, control: string | undefined): void {
    for (const ramp of this.#rampsOf(target)) {
      if (control === undefined || ramp.control === control) ramp.controller.abort(replacedError(target.label));
    }
  }

  /** Throws the signal's reason when aborted before. */
  async #rampsEnded(target: SafetyTarget, signal: AbortSignal): Promise<void> {
    const ramps = this.#rampsOf(target);
    if (ramps.length === 0) return;
    const aborted = createDeferred<void>();
    signal.addEventListener('abort', () => aborted.resolve(), { once: true });
    if (!signal.aborted) await Promise.race([aborted.promise, Promise.all(ramps.map(({ ended }) => ended.promise))]);
    aborted.resolve();
    if (signal.aborted) throw cancellation(signal);
  }

  /** A change as the instrument will be sent it. */
  #judged(
    { writes }: SafetyTarget,
    control: Control,
    change: OutputChange | undefined,
    value: ControlValue,
  ): OutputChange {
    if (!change) return { kind: 'function' };
    if (change.kind !== 'set' || typeof value !== 'number') return change;
    return { ...change, value: Number.isFinite(value) ? writtenNumber(control, value, writes) : value };
  }

  /**
   * The limits of an output. One without limits of its own, of an instrument that may couple its outputs and does not say whether it does, has the tightest of
   * the others: setting it may set them.
   */
  #limitsOf(target: SafetyTarget, { groups, isCouplingUnknown }: OutputShape, group: string): OutputLimits | undefined {
    const own = this.#parts.limitsOf(target.id, group);
    if (own || !isCouplingUnknown) return own;
    const limits = tightest(groups.flatMap((other) => this.#parts.limitsOf(target.id, other) ?? []));
    return limits && { ...limits, isShared: true };
  }

  /** What a text would change, whatever the limits; `refused`: nobody can tell. */
  changesOf(target: SafetyTarget, text: string): TextVerdict {
    return judgeText(text, { ...this.#placeOf(target), limitsOf: () => undefined, states: new Map() });
  }

  #placeOf(target: SafetyTarget): Omit<TextPlace, 'states'> {
    const outputs = outputShape(target.shape);
    return {
      outputs,
      forms: writeForms(target.shape.controls, target.writes),
      limitsOf: (group) => this.#limitsOf(target, outputs, group),
    };
  }

  #check(
    target: SafetyTarget,
    outputs: OutputShape,
    group: string,
    state: OutputState | undefined,
    change: OutputChange,
    what: string,
  ): void {
    const limits = this.#limitsOf(target, outputs, group);
    const why = limits && judge(outputs.role, state ?? { values: {} }, change, limits);
    if (why)
      throw this.#refuse(
        target,
        `${[group, what].filter(Boolean).join(' ')}: ${why}${limits.isShared ? SHARED : ''}`,
        limits,
      );
  }

  /** The steps to a setpoint; one for everything else. */
  #stepsOf(
    target: SafetyTarget,
    output: OutputControl,
    groups: readonly string[],
    states: ReadonlyMap<string, OutputState>,
    change: OutputChange,
    value: ControlValue,
  ): Step[] {
    if (change.kind !== 'set') return [{ value, change: 0 }];
    let steps: number[] = [change.value];
    let from = change.value;
    for (const group of groups) {
      const limits = this.#limitsOf(target, outputShape(target.shape), group);
      const perSecond = limits && slewOf(limits, change.quantity);
      const state = states.get(group);
      if (perSecond === undefined || state?.isOn === false) continue;
      const present = state?.values[change.quantity];
      if (present === undefined) {
        throw this.#refuse(
          target,
          `${group}: the present setpoint could not be read back, and its slew is limited`,
          limits,
        );
      }
      const ramp = rampSteps(present, change.value, perSecond, output.control.resolution);
      if (ramp.length < steps.length) continue;
      steps = ramp;
      from = present;
    }
    return steps.map((step, index) => ({ value: step, change: step - (steps[index - 1] ?? from) }));
  }

  /** A step has its time: as long after the change before as the limit of its slew asks. */
  async #pause(
    target: SafetyTarget,
    output: OutputControl,
    groups: readonly string[],
    change: number,
    signal: AbortSignal,
  ): Promise<void> {
    const waitMs = this.#waitMs(target, output, groups, change);
    if (waitMs > 0) await delay(this.#parts.clock, waitMs, signal);
    if (signal.aborted) throw cancellation(signal);
  }

  #waitMs(target: SafetyTarget, { control, part }: OutputControl, groups: readonly string[], change: number): number {
    if (part.kind !== 'setpoint' || change === 0) return 0;
    const outputs = outputShape(target.shape);
    const slews = groups.flatMap((group) => {
      const limits = this.#limitsOf(target, outputs, group);
      return (limits && slewOf(limits, part.quantity)) ?? [];
    });
    const sinceMs = this.#parts.clock.monotonicMs() - (this.#changedMs.get(`${target.id}/${control.id}`) ?? -1e9);
    return Math.max(0, ...slews.map((perSecond) => pauseBeforeMs(change, perSecond))) - sinceMs;
  }

  /** ms since each setpoint of the instrument was changed. */
  *#sinceChange({ id }: SafetyTarget): Iterable<number> {
    yield Number.POSITIVE_INFINITY;
    const nowMs = this.#parts.clock.monotonicMs();
    for (const [key, ms] of this.#changedMs) if (key.startsWith(`${id}/`)) yield nowMs - ms;
  }

  #mark(target: SafetyTarget, { controls }: OutputShape, group: string, change: OutputChange): void {
    if (change.kind !== 'set') return;
    for (const { control, part, groups } of controls) {
      if (part.kind === 'setpoint' && part.quantity === change.quantity && groups.includes(group)) {
        this.#changedMs.set(`${target.id}/${control.id}`, this.#parts.clock.monotonicMs());
      }
    }
  }

  /** Outputs as they are now. Throws `safety.refused` when outputs are coupled, or do not say, and one of the changes would pass from one to another. */
  async #states(
    target: SafetyTarget,
    { controls, couplings }: OutputShape,
    groups: readonly string[],
    ...changes: readonly OutputChange[]
  ): Promise<Map<string, OutputState>> {
    const wanted = controls.filter(({ part, groups: moved }) => {
      return part.kind !== 'restore' && part.kind !== 'unknown' && moved.some((group) => groups.includes(group));
    });
    const values = await target.read([...wanted, ...couplings.map((control) => ({ control }))].map(idOf));
    const isPassedOn = changes.some(
      (change) => change.kind !== 'function' && !(change.kind === 'switch' && !change.on),
    );
    const coupling = isPassedOn ? couplings.find(({ id }) => !isUncoupled(values[id])) : undefined;
    if (coupling) {
      const value = values[coupling.id];
      const how = value === undefined ? 'could not be read back' : `is ${value === true ? 'on' : String(value)}`;
      throw this.#refuse(
        target,
        `${coupling.label} ${how}: a setting of one output may move another, which has limits. Switch its outputs off and ${coupling.label} off first`,
      );
    }
    return new Map(groups.map((group) => [group, stateOf(group, wanted, values)]));
  }

  #refuse(target: SafetyTarget, why: string, limits?: OutputLimits): LabError {
    const whose = limits ? ` (limits of ${limits.device})` : '';
    const error = new LabError(
      'safety.refused',
      `${target.label} ${why}${whose}. Nothing was sent. Stay within the limits, or change them (Limits, beside Outputs off).`.replace(
        / {2,}/g,
        ' ',
      ),
      { instrument: target.id },
    );
    this.#parts.refused(target, error);
    return error;
  }

  async #serially<T>({ id }: SafetyTarget, signal: AbortSignal, work: (turn: number) => Promise<T>): Promise<T> {
    const before = this.#queues.get(id) ?? Promise.resolve();
    const mine = before
      .catch(() => undefined)
      .then(() => {
        if (signal.aborted) throw cancellation(signal);
        const turn = (this.#turns.get(id) ?? 0) + 1;
        this.#turns.set(id, turn);
        return work(turn);
      });
    this.#queues.set(id, mine);
    try {
      return await mine;
    } finally {
      if (this.#queues.get(id) === mine) this.#queues.delete(id);
    }
  }
}

const SHARED =
  '. It has no limits of its own, and whether it is coupled with one that has (series, parallel, tracking) cannot be read back: it has the same limits until it is given its own';

function idOf({ control }: Pick<OutputControl, 'control'>): string {
  return control.id;
}

function replacedError(label: string): LabError {
  return new LabError('call.cancelled', `The ramp of ${label} ended: another setting took its place.`);
}

/** An output as its controls read back. */
export function stateOf(
  group: string,
  controls: readonly OutputControl[],
  values: Readonly<Record<string, ControlValue>>,
): OutputState {
  const state: OutputState = { values: {} };
  for (const { control, part, groups } of controls) {
    const value = values[control.id];
    if (!groups.includes(group) || value === undefined) continue;
    if (part.kind === 'setpoint' && typeof value === 'number') state.values[part.quantity] = value;
    else if (part.kind === 'mode' && typeof value === 'string') state.mode = value;
    else if (control.isOutput && typeof value === 'boolean') state.isOn = (state.isOn ?? false) || value;
  }
  return state;
}
