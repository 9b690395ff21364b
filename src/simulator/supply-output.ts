import type { Source } from './circuit.ts';

/** One protection: trips when enabled and exceeded, stays tripped until cleared. */
export interface Protection {
  level: number;
  enabled: boolean;
  tripped: boolean;
}

export type RegulationMode = 'CV' | 'CC' | 'UR';

/** What is at the terminals of one output; V and A. */
export interface Terminals {
  volts: number;
  amps: number;
}

export interface OutputRating {
  maxVolts: number;
  maxAmps: number;
  maxOvp: number;
  maxOcp: number;
}

/** One output of a supply: setpoints, switch and both protections. What hangs on it is behind `measure`. */
export class SupplyOutput {
  readonly rating: OutputRating;
  readonly ovp: Protection;
  readonly ocp: Protection;
  readonly #source: Source;
  readonly #measure: () => Terminals;

  constructor(rating: OutputRating, source: Source, measure: () => Terminals) {
    this.rating = rating;
    this.#source = source;
    this.#measure = measure;
    this.ovp = { level: rating.maxOvp, enabled: false, tripped: false };
    this.ocp = { level: rating.maxOcp, enabled: false, tripped: false };
    this.reset();
  }

  get volts(): number {
    return this.#source.voltage;
  }
  set volts(volts: number) {
    this.#source.voltage = volts;
  }

  get ampLimit(): number {
    return this.#source.currentLimit;
  }
  set ampLimit(amps: number) {
    this.#source.currentLimit = amps;
  }

  get on(): boolean {
    return this.#source.on;
  }

  /** A tripped output stays off until its protection is cleared. */
  switch(on: boolean): boolean {
    if (on && (this.ovp.tripped || this.ocp.tripped)) return false;
    this.measure();
    this.#source.on = on;
    return true;
  }

  measure(): Terminals {
    const terminals = this.#measure();
    if (!this.#source.on) return { volts: 0, amps: 0 };
    return this.trip(terminals) ? { volts: 0, amps: 0 } : terminals;
  }

  mode(): RegulationMode {
    const { amps } = this.measure();
    if (!this.on) return 'UR';
    return amps >= this.ampLimit * 0.999 && this.ampLimit > 0 ? 'CC' : 'CV';
  }

  /** Looks at the terminals as the protections do; true: it switched off. */
  trip({ volts, amps }: Terminals): boolean {
    if (this.ovp.enabled && volts > this.ovp.level + 1e-6) this.ovp.tripped = true;
    if (this.ocp.enabled && amps > this.ocp.level + 1e-6) this.ocp.tripped = true;
    if (!this.ovp.tripped && !this.ocp.tripped) return false;
    this.#source.on = false;
    return true;
  }

  reset(): void {
    this.#source.on = false;
    this.#source.voltage = 0;
    this.#source.currentLimit = 1;
    Object.assign(this.ovp, { level: this.rating.maxOvp, enabled: false, tripped: false });
    Object.assign(this.ocp, { level: this.rating.maxOcp, enabled: false, tripped: false });
  }
}

/** An output with a plain resistor on it: what CH2 and CH3 feed. */
export function resistiveTerminals(source: Source, ohm: number): Terminals {
  const amps = Math.min(source.currentLimit, source.voltage / ohm);
  return { volts: amps * ohm, amps };
}
