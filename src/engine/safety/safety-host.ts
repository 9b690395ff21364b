import type { Control, ControlValue, InstrumentShape } from '../../core/instrument.ts';
import type { Writes } from './write-form.ts';

/** An instrument as the safety envelope sees it. */
export interface SafetyTarget {
  readonly id: string;
  readonly label: string;
  readonly shape: InstrumentShape;
  /** Read-back of these controls, now. */
  read(ids: readonly string[]): Promise<Record<string, ControlValue>>;
  /** How its driver writes a control. */
  writes: Writes;
}

/** What an attachment asks before anything leaves that might move an output. */
export interface SafetyHost {
  /** Whether limits name this instrument. */
  isLimited(instrument: string): boolean;
  /**
   * Sets a control through `send`: as it is, in steps (slew), or not at all. Throws `safety.refused` and what reading and `send` throw; an aborted signal
   * ends a ramp between two steps.
   */
  set(
    target: SafetyTarget,
    control: Control,
    value: ControlValue,
    send: (value: ControlValue) => Promise<Record<string, ControlValue>>,
    signal: AbortSignal,
  ): Promise<Record<string, ControlValue>>;
  /** Sends a text of a person or script, if it may be sent. Throws `safety.refused` and what reading and `send` throw. */
  text<T>(target: SafetyTarget, text: string, send: () => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Throws `safety.refused` where what a trigger starts cannot be judged and may not be: limits name the instrument, or the emergency stop holds. */
  refuseTrigger(target: SafetyTarget): void;
  /** Values of a poll round, in the order of `shape.polled`. */
  measured(target: SafetyTarget, values: Float64Array): void;
  /** An instrument was attached: one without a serial number that may be one with limits is said. */
  attached(instrument: string, label: string): void;
  /** An output tripped: what it feeds is disarmed. */
  tripped(instrument: string, group: string): void;
  /** The connection to an instrument is gone, or it was detached: what it feeds is disarmed. */
  lost(instrument: string): void;
}
