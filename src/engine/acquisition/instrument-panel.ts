import type { Clock } from '../../core/clock.ts';
import type { Control, ControlState, ControlValue } from '../../core/instrument.ts';

/** A lamp that changed: `from` is undefined when it is seen for the first time. */
export interface LampChange {
  key: string;
  from: string | undefined;
  to: string;
}

/** What an instrument's front panel shows: what was asked of each control, what it read back and when, and the lamps. */
export class InstrumentPanel {
  values: Record<string, ControlState> = {};
  status: Record<string, string> = {};
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ask(control: string, value: ControlValue): void {
    this.values = { ...this.values, [control]: { ...this.values[control], asked: value } };
  }

  /** What was refused before anything was sent is no wish in force: the one before it stands. */
  unask(control: string, before: ControlValue | undefined): void {
    this.values = { ...this.values, [control]: { ...this.values[control], asked: before } };
  }

  /** Outputs off is the newest wish: an output must not be shown as differing from an older one. */
  askOutputsOff(controls: readonly Control[]): void {
    for (const { id, isOutput } of controls) if (isOutput) this.ask(id, false);
  }

  keep(readBack: Record<string, ControlValue>): void {
    const at = String(this.#clock.nowNs());
    const next = { ...this.values };
    for (const [id, value] of Object.entries(readBack)) next[id] = { ...next[id], readBack: value, at };
    this.values = next;
  }

  /** Gives what changed. */
  keepStatus(status: Record<string, string>): LampChange[] {
    const changes = Object.entries(status)
      .filter(([key, value]) => this.status[key] !== value)
      .map(([key, to]) => ({ key, from: this.status[key], to }));
    if (changes.length > 0) this.status = { ...this.status, ...status };
    return changes;
  }
}

/** The setting as a line for the time axis: `DP832 ch1 Voltage 5 V`. */
export function setpointText(label: string, control: Control, value: ControlValue): string {
  if (control.kind === 'action') return `${label} ${control.label}`;
  const shown = typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
  return [label, control.group, control.label, shown, control.unit].filter(Boolean).join(' ');
}
