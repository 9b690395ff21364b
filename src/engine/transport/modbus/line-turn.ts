import { LabError } from '../../../core/errors.ts';
import type { ModbusLine } from './modbus-line.ts';
import type { Stop } from './stop.ts';

/** Messages that wait for a line; more are refused. */
const MAX_WAITING = 256;
/** A question of another unit is waited for so long when Outputs off is waiting. */
const URGENT_WAIT_MS = 150;

export interface Turn {
  isUrgent: boolean;
  /** Of the message; ends it while it waits and while it is under way. */
  stop: Stop;
}

interface Waiting extends Turn {
  grant(): void;
}

/**
 * A line and whose turn it is; all units on it in this process share it.
 *
 *             run              work settled, nobody waits
 *     free ────────▶ held ───────────────────────────────▶ free
 *                     │ ▲ work settled: the next that waits, urgent ones first
 *                     └─┘ an urgent one waits for 150 ms: the work is stopped
 */
export class SharedLine implements AsyncDisposable {
  readonly line: ModbusLine;
  #holder: Stop | undefined;
  #waiting: Waiting[] = [];

  constructor(line: ModbusLine) {
    this.line = line;
  }

  get closed(): ModbusLine['closed'] {
    return this.line.closed;
  }

  /**
   * Runs one transaction; urgent ones go first, and one under way is given up for them after 150 ms: its stop ends with `safety.refused`. Throws
   * `instrument.busy`, what `work` throws, the reason of the stop.
   */
  async run<T>(turn: Turn, work: () => Promise<T>): Promise<T> {
    const { stop } = turn;
    if (stop.reason) throw stop.reason;
    if (this.#holder) await this.#wait(turn);
    else this.#holder = stop;
    try {
      return await work();
    } finally {
      this.#holder = undefined;
      this.#waiting.shift()?.grant();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.line[Symbol.asyncDispose]();
  }

  #wait({ isUrgent, stop }: Turn): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= MAX_WAITING) {
        return reject(
          new LabError(
            'instrument.busy',
            `${MAX_WAITING} messages wait for ${this.line.resource} already; this one was not sent. Poll the units on it less often.`,
          ),
        );
      }
      let patience: ReturnType<typeof setTimeout> | undefined;
      const waiting: Waiting = {
        isUrgent,
        stop,
        grant: () => {
          clearTimeout(patience);
          stop.listen(undefined);
          this.#holder = stop;
          resolve();
        },
      };
      stop.listen((reason) => {
        clearTimeout(patience);
        this.#waiting = this.#waiting.filter((one) => one !== waiting);
        reject(reason);
      });
      const place = isUrgent ? this.#waiting.findIndex((one) => !one.isUrgent) : -1;
      if (place < 0) this.#waiting.push(waiting);
      else this.#waiting.splice(place, 0, waiting);
      const holder = this.#holder;
      if (!isUrgent || !holder) return;
      patience = setTimeout(() => {
        if (this.#holder === holder && this.#waiting.includes(waiting)) holder.end(overtaken(this.line.resource));
      }, URGENT_WAIT_MS);
    });
  }
}

function overtaken(resource: string): LabError {
  return new LabError(
    'safety.refused',
    `Outputs off came first: the question under way on ${resource} was given up, its answer is missing. Look at the outputs, then ask again.`,
    { resource },
  );
}
