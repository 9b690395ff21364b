import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { type BenchState, type EmergencyStop, emergencyStop } from '../../contract/bench-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { systemCode } from '../recording/disk.ts';
import { atomicWrite } from '../state/atomic-write.ts';
import type { EventLog } from '../state/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';

type Results = EmergencyStop['results'];

const kept = z.object({ emergencyStop: emergencyStop.nullable() });

export interface LatchParts {
  clock: Clock;
  board: StateBoard;
  events: EventLog;
  /** `emergency-stop.json` of the data folder. */
  path: string;
  /** Switches every output off. */
  outputsOff(who: string): Promise<NonNullable<BenchState['outputsOff']>>;
}

/**
 * The emergency stop of the bench: one for all sides, which outlives the engine.
 *
 *                 stop: outputs off, each read back
 *     released ─────────────────────────────────────▶ latched ──stop: once more──▶ latched
 *        ▲                                               │ ▲
 *        │ release, by somebody, written                 │ └── restart of the engine, its file cannot be read
 *        └───────────────────────────────────────────────┘
 *
 * While it is latched nothing switches an output on (`SafetyDesk`). Nothing is switched on by the release.
 */
export class EmergencyLatch {
  readonly #parts: LatchParts;
  #state: EmergencyStop | null = null;
  /** The last write; each one writes what holds when its turn comes. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(parts: LatchParts) {
    this.#parts = parts;
  }

  get isOn(): boolean {
    return this.#state !== null;
  }

  /** As it was when the last engine of this folder ended. What cannot be read may have been a stop, so it counts as one. */
  async open(): Promise<void> {
    const { clock, events, path } = this.#parts;
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (thrown) {
      if (systemCode(thrown) === 'ENOENT') return;
      text = '';
    }
    const read = kept.safeParse(jsonOf(text));
    this.#show(
      read.success
        ? read.data.emergencyStop
        : { t: String(clock.nowNs()), by: 'a file that cannot be read', results: [] },
    );
    if (!this.#state) return;
    events.add({
      kind: 'safety',
      severity: 'warning',
      text: `The emergency stop by ${this.#state.by} still holds: nothing is switched on until it is released.`,
      data: { who: this.#state.by },
    });
  }

  /** It holds from the first moment on, whatever becomes of the outputs and of the file. Gives what was switched off, each confirmed or not. */
  async stop(who: string): Promise<Results> {
    const { clock, events, outputsOff } = this.#parts;
    const stop: EmergencyStop = { t: String(clock.nowNs()), by: who.slice(0, 200), results: [] };
    this.#show(stop);
    events.add({
      kind: 'safety',
      severity: 'critical',
      text: `Emergency stop by ${who}: nothing is switched on until it is released`,
      data: { who },
    });
    const written = this.#keep(() => this.#state);
    const { results } = await outputsOff(`emergency stop by ${who}`);
    await written;
    if (this.#state === stop) {
      this.#show({ ...stop, results });
      await this.#keep(() => this.#state);
    }
    return results;
  }

  /** Outputs stay off. False: there was nothing to release. Throws settings.unwritable: it holds as before. */
  async release(who: string): Promise<boolean> {
    const { events, path } = this.#parts;
    const meant = this.#state;
    if (!meant) return false;
    // A stop that comes while this is written is another one, and is written behind it.
    const error = await this.#keep(() => (this.#state === meant ? null : this.#state));
    if (error !== undefined)
      throw new LabError(
        'settings.unwritable',
        `The end of the emergency stop cannot be written to ${path} (${error}). It still holds. Free space on that disk or allow writing, then release it again.`,
        { path },
      );
    if (this.#state !== meant) return false;
    this.#show(null);
    events.add({
      kind: 'safety',
      severity: 'warning',
      text: `${who} released the emergency stop of ${meant.by}. Outputs stay off until they are switched on.`,
      data: { who, by: meant.by },
    });
    return true;
  }

  /** Throws safety.refused while it is latched. `what` would be done, in words. */
  refuse(what: string, instrument?: string): void {
    if (this.isOn) throw this.refusal(what, instrument);
  }

  /** What is said of something that may not be done while it is latched. */
  refusal(what: string, instrument?: string): LabError {
    const by = this.#state ? ` (by ${this.#state.by})` : '';
    return new LabError(
      'safety.refused',
      `${what}: the emergency stop${by} holds, so outputs stay off. Nothing was sent. Release it first.`,
      instrument === undefined ? {} : { instrument },
    );
  }

  #show(state: EmergencyStop | null): void {
    this.#state = state;
    this.#parts.board.publish('emergency.changed', { emergencyStop: state });
  }

  /** Gives the system's word for what went wrong. A stop that is not on the disk is said: it ends with this engine. */
  async #keep(next: () => EmergencyStop | null): Promise<string | undefined> {
    const { events, path } = this.#parts;
    const mine = this.#writing.then(async () => {
      const state = next();
      try {
        await atomicWrite(path, `${JSON.stringify({ emergencyStop: state })}\n`);
        return undefined;
      } catch (thrown) {
        const error = systemCode(thrown) || String(thrown);
        if (state)
          events.add({
            kind: 'safety',
            severity: 'critical',
            text: `The emergency stop holds, but cannot be written to ${path} (${error}): it would end with a restart of Labwire. Switch the mains off.`,
            data: { path, error },
          });
        return error;
      }
    });
    this.#writing = mine;
    return mine;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
