import type { Clock } from '../core/clock.ts';

/**
 * The one circuit of the bench. Everything measured anywhere is a node of it:
 *
 *      supply CH1          device under test (DUT)               load
 *     ┌──────────┐ I_supply   ┌────────────┐   V_load          ┌──────┐
 *     │ V_set    ├──────A─────┤ R(T) 2.2 Ω ├──●───┬──────┬─────┤ CC CV│
 *     │ I_limit  │  V_supply  └────────────┘  │   ═ C    ▯ 100 │ CR CP│
 *     └────┬─────┘            heats by I²R    │   │22 mF ▯ Ohm └──┬───┘
 *          └──────────────────────────────────┴───┴──────┴────────┘
 *
 *     C dV_load/dt = I_supply - V_load / 100 Ohm - I_load        I_supply = clamp((V_set - V_load) / R(T), 0, I_limit)
 *     Cth dT/dt    = I²R - (T - T_ambient) / Rth                 R(T) = 2.2 Ohm · (1 + 0.0039 (T - 25 °C))
 *
 * Integrated semi-implicitly (stable at any step) in steps of 1 ms, lazily: whoever looks advances it to now.
 */
const RESISTANCE_OHM = 2.2;
const CAPACITANCE_F = 22e-3;
const BLEEDER_OHM = 100;
const TEMPERATURE_COEFFICIENT = 0.0039;
const THERMAL_RESISTANCE = 15;
const THERMAL_CAPACITY = 2;
const STEP_MS = 1;
/** Steps kept for the scope: 16 s. A pause longer than that is integrated in coarser steps first. */
const HISTORY = 16_384;

/** The supply's side: what its CH1 is programmed to. */
export interface Source {
  voltage: number;
  currentLimit: number;
  on: boolean;
}

export type SinkMode = 'CC' | 'CV' | 'CR' | 'CP';

/** The load's side. `level` in A, V, Ohm or W by mode; `currentLimit` A. */
export interface Sink {
  mode: SinkMode;
  level: number;
  currentLimit: number;
  on: boolean;
}

/** What can be measured; V, A, degC, W. */
export interface CircuitState {
  supplyV: number;
  supplyA: number;
  loadV: number;
  loadA: number;
  dutC: number;
  ambientC: number;
  /** Amplitude of the 10 kHz switching ripple on V_load; V. */
  rippleV: number;
  /** Resistance of the DUT, warm as it is; Ohm. */
  dutOhm: number;
}

export type ProbePoint = 'supplyV' | 'loadV' | 'supplyA' | 'loadA' | 'rippleV';
const PROBE_POINTS: readonly ProbePoint[] = ['supplyV', 'loadV', 'supplyA', 'loadA', 'rippleV'];

export const RIPPLE_HZ = 10_000;

/** Triangle of amplitude 1 and frequency RIPPLE_HZ at `s` seconds of the monotonic clock: the shape of the ripple wherever it is seen. */
export function ripple(s: number): number {
  const cycles = s * RIPPLE_HZ;
  const phase = cycles - Math.floor(cycles);
  return phase < 0.5 ? 4 * phase - 1 : 3 - 4 * phase;
}

export class Circuit {
  readonly source: Source = { voltage: 0, currentLimit: 0, on: false };
  readonly sink: Sink = { mode: 'CC', level: 0, currentLimit: 20, on: false };
  /** Asked after each step: whether a protection trips; then the source goes off at that step. */
  protection: (state: CircuitState) => boolean = () => false;
  readonly #clock: Clock;
  #atMs: number;
  readonly #state: CircuitState;
  readonly #historyMs = new Float64Array(HISTORY);
  readonly #history = new Map<ProbePoint, Float64Array>(
    PROBE_POINTS.map((point) => [point, new Float64Array(HISTORY)]),
  );
  #steps = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#atMs = clock.monotonicMs();
    const ambientC = ambient(this.#atMs);
    this.#state = {
      supplyV: 0,
      supplyA: 0,
      loadV: 0,
      loadA: 0,
      dutC: ambientC,
      ambientC,
      rippleV: 0,
      dutOhm: resistance(ambientC),
    };
    this.#remember();
  }

  /** The state now. Borrowed: the same object every time, read it at once. */
  advance(): Readonly<CircuitState> {
    const nowMs = this.#clock.monotonicMs();
    const restMs = nowMs - this.#atMs;
    if (restMs > HISTORY * STEP_MS) {
      const coarse = restMs - HISTORY * STEP_MS;
      const steps = Math.min(10_000, Math.ceil(coarse / STEP_MS));
      for (let step = 0; step < steps; step++) this.#step(coarse / steps);
    }
    while (nowMs - this.#atMs >= STEP_MS) this.#step(STEP_MS);
    return this.#state;
  }

  /** Seconds of the monotonic clock up to which the circuit is known. */
  get knownS(): number {
    return this.#atMs / 1000;
  }

  /**
   * Values of a point at `startS + i * stepS` (monotonic seconds) into `out`, interpolated between steps. Before the first step kept:
   * the oldest value; after the last: the newest.
   */
  probe(point: ProbePoint, startS: number, stepS: number, out: Float64Array): void {
    this.advance();
    const values = this.#history.get(point);
    if (!values) return;
    const oldest = Math.max(0, this.#steps - HISTORY);
    let index = this.#search(startS * 1000, oldest);
    for (let i = 0; i < out.length; i++) {
      const atMs = (startS + i * stepS) * 1000;
      while (index + 1 < this.#steps && (this.#historyMs[(index + 1) % HISTORY] ?? 0) <= atMs) index++;
      const here = index % HISTORY;
      const next = Math.min(index + 1, this.#steps - 1) % HISTORY;
      const fromMs = this.#historyMs[here] ?? 0;
      const spanMs = (this.#historyMs[next] ?? 0) - fromMs;
      const from = values[here] ?? 0;
      const fraction = spanMs > 0 ? Math.min(1, Math.max(0, (atMs - fromMs) / spanMs)) : 0;
      out[i] = from + fraction * ((values[next] ?? 0) - from);
    }
  }

  /** Largest step not after `ms`. */
  #search(ms: number, oldest: number): number {
    let low = oldest;
    let high = this.#steps - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#historyMs[middle % HISTORY] ?? 0) <= ms) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #step(ms: number): void {
    const state = this.#state;
    const dt = ms / 1000;
    this.#atMs += ms;
    state.dutOhm = resistance(state.dutC);
    const flow = this.#sourceFlow(state.loadV);
    const sink = this.#sinkFlow(state.loadV);
    const net = flow.amps - sink.amps - state.loadV / BLEEDER_OHM;
    const conductance = flow.conductance + sink.conductance + 1 / BLEEDER_OHM;
    state.loadV = Math.max(0, state.loadV + (dt * net) / (CAPACITANCE_F + dt * conductance));
    state.supplyA = this.#sourceFlow(state.loadV).amps;
    state.loadA = this.#sinkFlow(state.loadV).amps;
    state.supplyV = this.source.on ? state.loadV + state.supplyA * state.dutOhm : 0;
    // A source that neither limits nor delivers (load side higher) still shows its set voltage.
    if (this.source.on && state.supplyA === 0) state.supplyV = this.source.voltage;
    state.ambientC = ambient(this.#atMs);
    const watts = state.supplyA * state.supplyA * state.dutOhm;
    const settled = state.ambientC + watts * THERMAL_RESISTANCE;
    state.dutC = settled + (state.dutC - settled) * Math.exp(-dt / (THERMAL_RESISTANCE * THERMAL_CAPACITY));
    state.rippleV = this.source.on && this.source.voltage > 0 ? 0.003 + 0.02 * state.supplyA : 0;
    if (this.source.on && this.protection(state)) {
      this.source.on = false;
      state.supplyV = 0;
      state.supplyA = 0;
    }
    this.#remember();
  }

  #sourceFlow(loadV: number): { amps: number; conductance: number } {
    if (!this.source.on) return { amps: 0, conductance: 0 };
    const amps = (this.source.voltage - loadV) / this.#state.dutOhm;
    if (amps <= 0) return { amps: 0, conductance: 0 };
    if (amps >= this.source.currentLimit) return { amps: this.source.currentLimit, conductance: 0 };
    return { amps, conductance: 1 / this.#state.dutOhm };
  }

  #sinkFlow(loadV: number): { amps: number; conductance: number } {
    const { mode, level, currentLimit, on } = this.sink;
    if (!on || loadV <= 0) return { amps: 0, conductance: 0 };
    // Below 0.1 V an electronic load is a resistor: it cannot pull its current out of nothing.
    const reach = Math.min(currentLimit, loadV / 0.05);
    if (mode === 'CC') return limited(level, 0, reach, loadV);
    if (mode === 'CV') return limited(Math.max(0, loadV - level) * 50, loadV > level ? 50 : 0, reach, loadV);
    if (mode === 'CR') return limited(loadV / Math.max(level, 0.01), 1 / Math.max(level, 0.01), reach, loadV);
    return limited(level / loadV, 0, reach, loadV);
  }

  #remember(): void {
    const slot = this.#steps % HISTORY;
    this.#historyMs[slot] = this.#atMs;
    for (const [point, values] of this.#history) values[slot] = this.#state[point];
    this.#steps++;
  }
}

function limited(amps: number, conductance: number, reach: number, loadV: number) {
  return amps < reach ? { amps, conductance } : { amps: reach, conductance: reach / loadV };
}

function resistance(celsius: number): number {
  return RESISTANCE_OHM * (1 + TEMPERATURE_COEFFICIENT * (celsius - 25));
}

/** The room: 23 °C and a slow swing of ±0.6 °C in ten minutes. */
function ambient(ms: number): number {
  return 23 + 0.6 * Math.sin((2 * Math.PI * ms) / 600_000);
}
