import type { Clock } from '../../core/clock.ts';
import { delay } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { Control, ControlValue } from '../../core/instrument.ts';
import { cancellation } from '../transport/read-buffer.ts';
import { judge, type OutputChange, type OutputState } from './judge.ts';
import { changeOf, judgeText, type TextPlace } from './judge-text.ts';
import type { OutputLimits } from './limits.ts';
import { type OutputControl, type OutputShape, outputShape } from './output-shape.ts';
import type { SafetyTarget } from './safety-host.ts';
import { pauseBeforeMs, rampSteps, slewOf } from './slew.ts';
import { writeForms } from './write-form.ts';

export interface GateParts {
  clock: Clock;
  limitsOf(instrument: string, group: string): OutputLimits | undefined;
  isLimited(instrument: string): boolean;
  /** A refusal, for the time axis. */
  refused(target: SafetyTarget, error: LabError): void;
}

/**
 * Through here goes everything that may move an output with limits, one after the other for each instrument:
 *
 *     ask ──▶ wait for those before ──▶ read back the output ──▶ judge ──may not──▶ safety.refused, nothing sent
 *                                                                  │ may
 *                                                                  ▼
 *                                                        send (a ramp: step by step, each judged)
 *
 * Nothing of others of this engine comes between reading and sending, so no order of calls gets past a limit. What has no limits passes at once. Outputs
 * off does not come this way: it aborts the signal of what waits here.
 */
export class SafetyGate {
  readonly #parts: GateParts;
  /** The last one of each instrument. */
  readonly #queues = new Map<string, Promise<unknown>>();
  /** Ramps under way, by instrument. */
  readonly #ramps = new Map<string, { control: string; controller: AbortController }>();
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
    const limited = output?.groups.filter((group) => this.#parts.limitsOf(target.id, group) !== undefined) ?? [];
    if (!output || limited.length === 0) return send(value);
    const change = changeOf(output, value);
    const isOff = change?.kind === 'switch' && !change.on;
    // A ramp ends with the next wish for the same setpoint, and with switching off, which waits for nobody.
    const ramp = this.#ramps.get(target.id);
    if (ramp && (isOff || ramp.control === control.id)) ramp.controller.abort(replacedError(target.label));
    if (isOff) return send(value);
    return this.#serially(target, signal, async () => {
      if (!change) throw this.#refuse(target, `${control.label}: what it does to the other outputs cannot be judged`);
      const states = await this.#states(target, outputs, limited);
      for (const group of limited) this.#check(target, outputs, group, states.get(group), change, control.label);
      const steps = this.#stepsOf(target, output, limited, states, change, value);
      let readBack: Record<string, ControlValue> = {};
      const controller = new AbortController();
      const isRamp = steps.length > 1;
      if (isRamp) this.#ramps.set(target.id, { control: control.id, controller });
      const either = isRamp ? AbortSignal.any([signal, controller.signal]) : signal;
      try {
        for (const step of steps) {
          await this.#pause(target, output, limited, step, either);
          // Limits may have been changed meanwhile.
          if (change.kind === 'set' && typeof step.value === 'number') {
            const next = { ...change, value: step.value };
            for (const group of limited) this.#check(target, outputs, group, states.get(group), next, control.label);
          }
          readBack = await send(step.value);
          this.#changedMs.set(`${target.id}/${control.id}`, this.#parts.clock.monotonicMs());
        }
      } finally {
        this.#ramps.delete(target.id);
      }
      return readBack;
    });
  }

  async text<T>(target: SafetyTarget, text: string, send: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (!this.#parts.isLimited(target.id)) return send();
    // Once without knowing the outputs: a question needs no look at them, and waits for no ramp; nor does switching off, which ends it.
    const first = judgeText(text, { ...this.#placeOf(target), states: new Map() });
    if ('changes' in first && first.changes.every(({ change }) => change.kind === 'switch' && !change.on)) {
      if (first.changes.length > 0) this.#ramps.get(target.id)?.controller.abort(replacedError(target.label));
      return send();
    }
    return this.#serially(target, signal, async () => {
      const place = this.#placeOf(target);
      const { outputs } = place;
      const limited = outputs.groups.filter((group) => place.limitsOf(group) !== undefined);
      const states = await this.#states(target, outputs, limited);
      const verdict = judgeText(text, { ...place, states });
      if ('refused' in verdict) throw this.#refuse(target, verdict.refused);
      const since = Math.min(...[...this.#sinceChange(target)]);
      if (verdict.pauseMs > since) await delay(this.#parts.clock, verdict.pauseMs - since, signal);
      const result = await send();
      for (const { group, change } of verdict.changes) this.#mark(target, outputs, group, change);
      return result;
    });
  }

  #placeOf(target: SafetyTarget): Omit<TextPlace, 'states'> {
    return {
      outputs: outputShape(target.shape),
      forms: writeForms(target.shape.controls, target.writes),
      limitsOf: (group) => this.#parts.limitsOf(target.id, group),
    };
  }

  #check(
    target: SafetyTarget,
    { role }: OutputShape,
    group: string,
    state: OutputState | undefined,
    change: OutputChange,
    what: string,
  ): void {
    const limits = this.#parts.limitsOf(target.id, group);
    const why = limits && judge(role, state ?? { values: {} }, change, limits);
    if (why) throw this.#refuse(target, `${[group, what].filter(Boolean).join(' ')}: ${why}`, limits);
  }

  /** The steps to a setpoint; one for everything else. */
  #stepsOf(
    target: SafetyTarget,
    output: OutputControl,
    groups: readonly string[],
    states: ReadonlyMap<string, OutputState>,
    change: OutputChange,
    value: ControlValue,
  ): { value: ControlValue; change: number }[] {
    if (change.kind !== 'set') return [{ value, change: 0 }];
    let steps: number[] = [change.value];
    let from = change.value;
    for (const group of groups) {
      const limits = this.#parts.limitsOf(target.id, group);
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
    { control, part }: OutputControl,
    groups: readonly string[],
    { change }: { change: number },
    signal: AbortSignal,
  ): Promise<void> {
    if (part.kind === 'setpoint' && change !== 0) {
      const slews = groups.flatMap((group) => {
        const limits = this.#parts.limitsOf(target.id, group);
        return (limits && slewOf(limits, part.quantity)) ?? [];
      });
      const sinceMs = this.#parts.clock.monotonicMs() - (this.#changedMs.get(`${target.id}/${control.id}`) ?? -1e9);
      const waitMs = Math.max(0, ...slews.map((perSecond) => pauseBeforeMs(change, perSecond))) - sinceMs;
      if (waitMs > 0) await delay(this.#parts.clock, waitMs, signal);
    }
    if (signal.aborted) throw cancellation(signal);
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

  /** Outputs as they are now. */
  async #states(
    target: SafetyTarget,
    { controls }: OutputShape,
    groups: readonly string[],
  ): Promise<Map<string, OutputState>> {
    const wanted = controls.filter(({ part, groups: moved }) => {
      return part.kind !== 'restore' && part.kind !== 'unknown' && moved.some((group) => groups.includes(group));
    });
    const values = await target.read(wanted.map(({ control }) => control.id));
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

  async #serially<T>({ id }: SafetyTarget, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(id) ?? Promise.resolve();
    const mine = before
      .catch(() => undefined)
      .then(() => {
        if (signal.aborted) throw cancellation(signal);
        return work();
      });
    this.#queues.set(id, mine);
    try {
      return await mine;
    } finally {
      if (this.#queues.get(id) === mine) this.#queues.delete(id);
    }
  }
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
