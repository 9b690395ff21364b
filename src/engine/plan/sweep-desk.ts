import type { Sweep, SweepState } from '../../contract/plan-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { delay } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { EventLog } from '../state/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';

export interface SweepDeskParts {
  clock: Clock;
  board: StateBoard;
  events: EventLog;
  /** Sets a control like a person does: through the limits of the bench, read back. Throws what refuses it. */
  setControl(instrument: string, control: string, value: number, who: string): Promise<unknown>;
}

interface Running {
  state: SweepState;
  abort: AbortController;
  done: Promise<void>;
}

/**
 * Lists of setpoints, one after another, each confirmed before its dwell time runs. A refused or failed setpoint, Outputs off, or a person ends a sweep where it is; nothing is set back.
 */
export class SweepDesk implements AsyncDisposable {
  readonly #parts: SweepDeskParts;
  readonly #running = new Map<string, Running>();
  readonly #tap: Disposable;

  constructor(parts: SweepDeskParts) {
    this.#parts = parts;
    this.#tap = parts.board.onChange((change) => {
      if (change.event === 'outputs.changed' && change.data.outputsOff) this.#stopAll('Outputs off ended it.');
    });
  }

  /** `mayGoOn` throws before a step that may not be sent any more (somebody has locked the instrument). Throws sweep.running. */
  start(sweep: Sweep, who: string, mayGoOn: () => void = () => undefined): SweepState {
    for (const { state } of this.#running.values()) {
      const { id, instrument, control, name } = state.sweep;
      if (id !== sweep.id && (instrument !== sweep.instrument || control !== sweep.control)) continue;
      throw new LabError(
        'sweep.running',
        `The sweep “${name}” of ${instrument} ${control} runs already. Stop it first.`,
        { sweep: id },
      );
    }
    const abort = new AbortController();
    const startedNs = String(this.#parts.clock.nowNs());
    const running: Running = {
      state: { sweep, state: 'running', step: 0, startedNs, text: '' },
      abort,
      done: Promise.resolve(),
    };
    this.#running.set(sweep.id, running);
    this.#parts.events.add({
      kind: 'setpoint',
      text: `Sweep started: ${sweep.name}, ${sweep.values.length} steps`,
      instrument: sweep.instrument,
      data: { who },
    });
    this.#show(running);
    running.done = this.#run(running, who, mayGoOn);
    return running.state;
  }

  /** Of one that has ended: nothing happens. */
  stop(id: string, why: string): void {
    this.#running.get(id)?.abort.abort(new LabError('call.cancelled', why));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tap[Symbol.dispose]();
    const all = [...this.#running.values()];
    this.#stopAll('Labwire was closed.');
    await Promise.all(all.map(({ done }) => done));
  }

  #stopAll(why: string): void {
    for (const id of this.#running.keys()) this.stop(id, why);
  }

  async #run(running: Running, who: string, mayGoOn: () => void): Promise<void> {
    const { clock, setControl } = this.#parts;
    const { sweep } = running.state;
    const { signal } = running.abort;
    try {
      for (const [index, value] of sweep.values.entries()) {
        signal.throwIfAborted();
        mayGoOn();
        await setControl(sweep.instrument, sweep.control, value, `sweep ${sweep.name} (${who})`);
        running.state = { ...running.state, step: index + 1 };
        this.#show(running);
        await delay(clock, sweep.dwellS * 1000, signal);
      }
      this.#end(running, 'done', 'Every step was sent and confirmed.');
    } catch (thrown) {
      const error = LabError.from(thrown);
      this.#end(running, signal.aborted ? 'stopped' : 'failed', error.message);
    }
  }

  #end(running: Running, state: SweepState['state'], text: string): void {
    const { sweep, step } = running.state;
    this.#running.delete(sweep.id);
    running.state = { ...running.state, state, text };
    this.#parts.events.add({
      kind: 'setpoint',
      severity: state === 'failed' ? 'error' : 'info',
      text: `Sweep ${state}: ${sweep.name}, ${step} of ${sweep.values.length} steps. ${text}`,
      instrument: sweep.instrument,
    });
    this.#show(running);
  }

  #show({ state }: Running): void {
    this.#parts.board.publish('sweep.changed', { sweep: state });
  }
}
