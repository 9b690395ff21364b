import type { ProtectedDevice, SafetyState } from '../../contract/safety-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { Control, ControlValue, InstrumentShape } from '../../core/instrument.ts';
import { parseResource } from '../../core/resource.ts';
import { isSamePlace } from '../doctor/same-wire.ts';
import { EventLimiter } from '../state/event-limiter.ts';
import type { EventLog } from '../state/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';
import type { EmergencyLatch } from './emergency-latch.ts';
import { asksOnly, changeOf } from './judge-text.ts';
import { devicesFedBy, limitsOf, type OutputLimits } from './limits.ts';
import { excessOf } from './measured-watch.ts';
import { outputShape } from './output-shape.ts';
import { SafetyGate } from './safety-gate.ts';
import type { SafetyHost, SafetyTarget } from './safety-host.ts';

/** After outputs were switched off because a value was beyond its limit, they are switched off again at the earliest then; ms. */
const AGAIN_MS = 2000;
const MAX_DEVICES = 50;

export interface SafetyParts {
  clock: Clock;
  board: StateBoard;
  events: EventLog;
  /** While it is latched nothing is switched on. */
  emergency: Pick<EmergencyLatch, 'isOn' | 'refusal'>;
  /** What is attached now. */
  attached(): readonly AttachedUnit[];
  /** Switches the outputs of these instruments off. */
  outputsOff(instruments: readonly string[], who: string): Promise<unknown>;
  /** What is saved has changed. */
  touched(): void;
}

/** An attached instrument, for telling which one limits mean. */
export interface AttachedUnit {
  readonly id: string;
  readonly label: string;
  readonly resource: string;
  readonly shape: Pick<InstrumentShape, 'role' | 'controls'>;
}

interface Armed {
  by: string;
  untilNs: bigint | null;
  timer: Disposable | undefined;
}

/**
 * The devices under test and what they stand. Their limits go with the bench file; that one is armed never does.
 *
 *     safe ──arm──▶ armed ──time over, Outputs off, trip, instrument lost, limits changed, disarm──▶ safe
 */
export class SafetyDesk implements SafetyHost, Disposable {
  readonly #parts: SafetyParts;
  readonly #gate: SafetyGate;
  readonly #limiter: EventLimiter;
  readonly #armed = new Map<string, Armed>();
  /** By device: when its outputs were switched off for a measured value. */
  readonly #offMs = new Map<string, number>();
  #devices: readonly ProtectedDevice[] = [];

  constructor(parts: SafetyParts) {
    this.#parts = parts;
    this.#limiter = new EventLimiter(parts.clock, (draft) => void parts.events.add(draft));
    this.#gate = new SafetyGate({
      clock: parts.clock,
      limitsOf: (instrument, group) => this.limitsOf(instrument, group),
      isLimited: (instrument) => this.isLimited(instrument),
      refused: (target, error) => this.#tellRefusal(target, error),
    });
  }

  get devices(): ProtectedDevice[] {
    return [...this.#devices];
  }

  get state(): SafetyState {
    return {
      devices: [...this.#devices],
      armed: [...this.#armed].map(([device, { by, untilNs }]) => ({
        device,
        by,
        untilNs: untilNs === null ? null : String(untilNs),
      })),
    };
  }

  /** Of another bench. Nothing is armed then. */
  load(devices: readonly ProtectedDevice[]): void {
    for (const { timer } of this.#armed.values()) timer?.[Symbol.dispose]();
    this.#armed.clear();
    this.#devices = [...devices];
  }

  /**
   * Adds or replaces; one that is armed is disarmed. Throws call.invalid for limits that contradict each other and for outputs that an attached instrument
   * does not have (those of one that is away cannot be known), call.limit.
   */
  put(device: ProtectedDevice, who: string): SafetyState {
    checkEnvelope(device);
    this.#checkOutputs(device);
    const others = this.#devices.filter(({ id }) => id !== device.id);
    if (others.length >= MAX_DEVICES) {
      throw new LabError(
        'call.limit',
        `There are ${MAX_DEVICES} devices already. Remove one first. Nothing was changed.`,
      );
    }
    this.#disarm(device.id, 'its limits were changed');
    this.#devices = this.#devices.some(({ id }) => id === device.id)
      ? this.#devices.map((one) => (one.id === device.id ? device : one))
      : [...this.#devices, device];
    this.#tell(`Limits of ${device.label} set: ${envelopeText(device)}`, { who, device: device.id });
    return this.#show(true);
  }

  /** Throws call.invalid. */
  remove(id: string, who: string): SafetyState {
    const device = this.#find(id);
    this.#disarm(id, 'its limits were removed');
    this.#devices = this.#devices.filter((one) => one.id !== id);
    this.#tell(`Limits of ${device.label} removed`, { who, device: id }, 'warning');
    return this.#show(true);
  }

  /** Throws call.invalid for one that needs no arming. */
  arm(id: string, minutes: number | undefined, who: string): SafetyState {
    const { clock } = this.#parts;
    const device = this.#find(id);
    if (!device.needsArming) {
      throw new LabError('call.invalid', `${device.label} needs no arming. Nothing was changed.`, { device: id });
    }
    this.#armed.get(id)?.timer?.[Symbol.dispose]();
    const ms = minutes === undefined ? undefined : minutes * 60_000;
    this.#armed.set(id, {
      by: who,
      untilNs: ms === undefined ? null : clock.nowNs() + BigInt(Math.round(ms * 1e6)),
      timer:
        ms === undefined
          ? undefined
          : clock.after(ms, () => {
              this.#disarm(id, 'its time is over');
              this.#show(false);
            }),
    });
    const howLong = minutes === undefined ? 'until disarmed' : `for ${minutes} min`;
    this.#tell(`${device.label} armed ${howLong} by ${who}`, { who, device: id }, 'warning');
    return this.#show(false);
  }

  disarm(id: string, who: string): SafetyState {
    this.#find(id);
    this.#disarm(id, `by ${who}`);
    return this.#show(false);
  }

  disarmAll(why: string): void {
    if (this.#armed.size === 0) return;
    for (const id of [...this.#armed.keys()]) this.#disarm(id, why);
    this.#show(false);
  }

  limitsOf(instrument: string, group: string): OutputLimits | undefined {
    return limitsOf(this.#devices, (device) => this.#armed.has(device), instrument, group);
  }

  /** The emergency stop is latched. */
  get isStopped(): boolean {
    return this.#parts.emergency.isOn;
  }

  isLimited(instrument: string): boolean {
    return devicesFedBy(this.#devices, instrument).length > 0;
  }

  attached(instrument: string, label: string): void {
    const isNamed = this.#devices.some(({ outputs }) => outputs.some((output) => output.instrument === instrument));
    const fed = isNamed ? [] : devicesFedBy(this.#devices, instrument);
    if (fed.length === 0) return;
    const devices = fed.map((one) => one.label).join(', ');
    this.#tell(
      `${label} has no serial number and is of a model that feeds ${devices}. It may be that instrument at another address, so the limits of ${devices} hold for it. If it is another one, give its outputs limits of their own (Limits, beside Outputs off).`,
      { instrument },
      'warning',
    );
  }

  set(
    target: SafetyTarget,
    control: Control,
    value: ControlValue,
    send: (value: ControlValue) => Promise<Record<string, ControlValue>>,
    signal: AbortSignal,
  ): Promise<Record<string, ControlValue>> {
    const rival = this.#rivalOf(target);
    if (rival && control.isOutput && value === false) return send(value);
    if (rival) return Promise.reject(this.#rivalError(target, rival));
    if (!this.#mayRestore(target, control, value)) return this.#gate.set(target, control, value, send, signal);
    if (this.isStopped) return Promise.reject(this.#stoppedError(target, `${target.label}: ${control.label}`));
    // The stop may come while it waits for its turn.
    const sendUnlessStopped = (step: ControlValue): Promise<Record<string, ControlValue>> =>
      this.isStopped ? Promise.reject(this.#stoppedError(target, `${target.label}: ${control.label}`)) : send(step);
    return this.#gate.set(target, control, value, sendUnlessStopped, signal);
  }

  text<T>(target: SafetyTarget, text: string, send: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const rival = this.#rivalOf(target);
    if (rival && !asksOnly(text)) return Promise.reject(this.#rivalError(target, rival));
    const check = (): void => {
      if (this.isStopped && !this.#isSafeText(target, text))
        throw this.#stoppedError(target, `${target.label}: “${text.slice(0, 40)}” may switch an output on`);
    };
    return this.#gate.text(
      target,
      text,
      async () => {
        check();
        return send();
      },
      signal,
    );
  }

  refuseTrigger(target: SafetyTarget): void {
    const { id, label } = target;
    if (this.isLimited(id))
      throw new LabError(
        'safety.refused',
        `${label} feeds a device with limits, and what a trigger starts cannot be judged. Nothing was sent. Use the card, or remove its limits (Limits, beside Outputs off).`,
        { instrument: id },
      );
    if (this.isStopped && mayHaveOutputs(target))
      throw this.#stoppedError(target, `${label}: a trigger may switch an output on`);
  }

  measured({ id, label, shape }: SafetyTarget, values: Float64Array): void {
    if (!this.isLimited(id)) return;
    const excess = excessOf(shape.polled, values, shape.role === 'load', (group) => this.limitsOf(id, group));
    if (!excess) return;
    const nowMs = this.#parts.clock.monotonicMs();
    for (const device of this.#feeding(id, excess.group)) {
      if (nowMs - (this.#offMs.get(device.id) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) continue;
      this.#offMs.set(device.id, nowMs);
      const where = [label, excess.group].filter(Boolean).join(' ');
      this.#parts.events.add({
        kind: 'safety',
        severity: 'critical',
        instrument: id,
        text: `${device.label}: ${where} ${excess.text}. Its outputs are switched off.`,
        data: { device: device.id, group: excess.group },
      });
      this.#disarm(device.id, 'a value was beyond its limit');
      this.#show(false);
      const instruments = [...new Set([id, ...device.outputs.map(({ instrument }) => instrument)])];
      void this.#parts.outputsOff(instruments, `limits of ${device.label}`);
    }
  }

  tripped(instrument: string, group: string): void {
    for (const { id } of this.#feeding(instrument, group)) this.#disarm(id, `${instrument} ${group} tripped`.trim());
    this.#show(false);
  }

  lost(instrument: string): void {
    const fed = devicesFedBy(this.#devices, instrument);
    for (const { id } of fed) this.#disarm(id, `${instrument} is gone`);
    if (fed.length > 0) this.#show(false);
  }

  [Symbol.dispose](): void {
    this.#limiter[Symbol.dispose]();
    for (const { timer } of this.#armed.values()) timer?.[Symbol.dispose]();
  }

  #feeding(instrument: string, group: string): ProtectedDevice[] {
    return devicesFedBy(this.#devices, instrument, group);
  }

  #checkOutputs({ outputs }: ProtectedDevice): void {
    for (const { instrument, group } of outputs) {
      const attached = this.#parts.attached().find(({ id }) => id === instrument);
      if (!attached) continue;
      const { groups } = outputShape(attached.shape);
      if (groups.some((one) => one.toLowerCase() === group.toLowerCase())) continue;
      const has = groups.length === 0 ? 'no outputs' : `the outputs ${groups.map((one) => one || '(main)').join(', ')}`;
      throw new LabError(
        'call.invalid',
        `${attached.label} has no output “${group}”; it has ${has}. Limits of an output that is not there would protect nothing. Nothing was changed.`,
        { instrument, group },
      );
    }
  }

  /** Another attached instrument with limits at the address of this one, which has none: one socket or port under two names. */
  #rivalOf({ id }: SafetyTarget): AttachedUnit | undefined {
    if (this.#devices.length === 0 || this.isLimited(id)) return undefined;
    const all = this.#parts.attached();
    const own = all.find((one) => one.id === id);
    if (!own) return undefined;
    const place = parseResource(own.resource);
    return all.find((one) => {
      return one !== own && this.isLimited(one.id) && isSamePlace(place, parseResource(one.resource));
    });
  }

  #rivalError(target: SafetyTarget, { label }: AttachedUnit): LabError {
    const error = new LabError(
      'safety.refused',
      `${target.label} is at the same address as ${label}, which has limits. Nothing was sent. Use ${label}, where commands are judged, and detach ${target.label}.`,
      { instrument: target.id },
    );
    this.#tellRefusal(target, error);
    return error;
  }

  /** Whether a setting switches an output on, or may: clearing a trip does on many instruments. */
  #mayRestore({ shape }: SafetyTarget, control: Control, value: ControlValue): boolean {
    const output = outputShape(shape).controls.find((one) => one.control.id === control.id);
    if (!output) return false;
    const change = changeOf(output, value);
    // A switch whose value cannot be read as off counts as on.
    if (!change) return output.part.kind === 'switch' || output.part.kind === 'restore';
    return change.kind === 'switch' && change.on;
  }

  /** Whether a text switches nothing on, as far as anybody can tell. */
  #isSafeText(target: SafetyTarget, text: string): boolean {
    if (asksOnly(text) || !mayHaveOutputs(target)) return true;
    const verdict = this.#gate.changesOf(target, text);
    return 'changes' in verdict && verdict.changes.every(({ change }) => change.kind !== 'switch' || !change.on);
  }

  #stoppedError(target: SafetyTarget, what: string): LabError {
    const error = this.#parts.emergency.refusal(what, target.id);
    this.#tellRefusal(target, error);
    return error;
  }

  #find(id: string): ProtectedDevice {
    const device = this.#devices.find((one) => one.id === id);
    if (!device) throw new LabError('call.invalid', `There is no device ${id} in this bench. Nothing was changed.`);
    return device;
  }

  #disarm(id: string, why: string): void {
    const armed = this.#armed.get(id);
    if (!armed) return;
    armed.timer?.[Symbol.dispose]();
    this.#armed.delete(id);
    const label = this.#devices.find((one) => one.id === id)?.label ?? id;
    this.#tell(`${label} disarmed: ${why}`, { device: id });
  }

  #tell(text: string, data: Record<string, unknown>, severity: 'info' | 'warning' = 'info'): void {
    this.#parts.events.add({ kind: 'safety', severity, text, data });
  }

  #tellRefusal({ id }: SafetyTarget, { message }: LabError): void {
    const draft = { kind: 'safety' as const, severity: 'warning' as const, instrument: id, text: message };
    this.#limiter.add(id, draft);
  }

  #show(isSaved: boolean): SafetyState {
    const { state } = this;
    this.#parts.board.publish('safety.changed', { safety: state });
    if (isSaved) this.#parts.touched();
    return state;
  }
}

/** What nobody knows may be a supply. */
function mayHaveOutputs({ shape }: SafetyTarget): boolean {
  return shape.role === 'unknown' || shape.controls.some(({ isOutput }) => isOutput);
}

function checkEnvelope({ label, envelope }: ProtectedDevice): void {
  const { minV, maxV, maxA, maxW } = envelope;
  const numbers = Object.values(envelope).filter((value) => value !== undefined);
  const isOdd = numbers.some((value) => !Number.isFinite(value)) || (maxA ?? 0) < 0 || (maxW ?? 0) < 0;
  if (isOdd || (minV !== undefined && maxV !== undefined && minV > maxV)) {
    throw new LabError(
      'call.invalid',
      `The limits of ${label} contradict each other (a lowest voltage above the highest, or a negative current or power). Nothing was changed.`,
    );
  }
}

function envelopeText({ envelope, needsArming }: ProtectedDevice): string {
  const { minV, maxV, maxA, maxW, slewVPerS, slewAPerS } = envelope;
  const parts = [
    minV === undefined ? '' : `at least ${minV} V`,
    maxV === undefined ? '' : `${maxV} V`,
    maxA === undefined ? '' : `${maxA} A`,
    maxW === undefined ? '' : `${maxW} W`,
    slewVPerS === undefined ? '' : `${slewVPerS} V/s`,
    slewAPerS === undefined ? '' : `${slewAPerS} A/s`,
    needsArming ? 'armed only' : '',
  ].filter(Boolean);
  return parts.join(', ') || 'none';
}
