import { LabError } from '../../../core/errors.ts';
import type { LineEnd } from '../../../core/resource-shape.ts';
import { LinePool } from '../line-pool.ts';
import { openSerial } from '../open-serial.ts';
import { openTcp, type TcpOptions } from '../open-tcp.ts';
import { cancellation } from '../read-buffer.ts';
import type { SerialOptions } from '../serial-options.ts';
import { ModbusLine } from './modbus-line.ts';

export interface ModbusOptions {
  tcp?: Omit<TcpOptions, 'signal'> | undefined;
  /** Line settings; MODBUS over Serial Line 2.5.1 says 19200 8E1, most instruments 9600 or 115200 8N1. Default 115200 8N1. */
  serial?: Omit<SerialOptions, 'signal'> | undefined;
  signal?: AbortSignal | undefined;
}

const MODBUS_BAUD = 115_200;
/** Messages that wait for a line; more are refused. */
const MAX_WAITING = 256;
/** A question of another unit is waited for so long when Outputs off is waiting. */
const URGENT_WAIT_MS = 150;

interface Waiting {
  isUrgent: boolean;
  grant(): void;
}

/** A line and whose turn it is; all units on it in this process share it. */
export class SharedLine implements AsyncDisposable {
  readonly line: ModbusLine;
  #holder: AbortController | undefined;
  #waiting: Waiting[] = [];

  constructor(line: ModbusLine) {
    this.line = line;
  }

  get closed(): ModbusLine['closed'] {
    return this.line.closed;
  }

  /**
   * Runs one transaction; urgent ones go first, and one under way is given up for them after 150 ms. The signal given to `work` combines both.
   * Throws `instrument.busy`, what `work` throws, the reason of the signal, `safety.refused`.
   */
  async run<T>(
    { isUrgent, signal }: { isUrgent: boolean; signal: AbortSignal },
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const holder = await this.#acquire(isUrgent, signal);
    try {
      return await work(AbortSignal.any([signal, holder.signal]));
    } finally {
      this.#holder = undefined;
      this.#next();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.line[Symbol.asyncDispose]();
  }

  #acquire(isUrgent: boolean, signal: AbortSignal): Promise<AbortController> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(cancellation(signal));
      if (this.#waiting.length >= MAX_WAITING) {
        return reject(
          new LabError(
            'instrument.busy',
            `${MAX_WAITING} messages wait for ${this.line.resource} already; this one was not sent. Poll the units on it less often.`,
          ),
        );
      }
      let patience: ReturnType<typeof setTimeout> | undefined;
      const onAbort = (): void => {
        clearTimeout(patience);
        this.#waiting = this.#waiting.filter((one) => one !== waiting);
        reject(cancellation(signal));
      };
      const waiting: Waiting = {
        isUrgent,
        grant: () => {
          clearTimeout(patience);
          signal.removeEventListener('abort', onAbort);
          const controller = new AbortController();
          this.#holder = controller;
          resolve(controller);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const place = isUrgent ? this.#waiting.findIndex((one) => !one.isUrgent) : -1;
      if (place < 0) this.#waiting.push(waiting);
      else this.#waiting.splice(place, 0, waiting);
      const holder = this.#holder;
      if (isUrgent && holder) {
        patience = setTimeout(() => {
          if (this.#holder === holder && this.#waiting.includes(waiting)) holder.abort(overtaken(this.line.resource));
        }, URGENT_WAIT_MS);
      }
      this.#next();
    });
  }

  #next(): void {
    if (!this.#holder) this.#waiting.shift()?.grant();
  }
}

const lines = new LinePool<SharedLine>();

/** Lines open in this process; for tests. */
export function openModbusLines(): number {
  return lines.size;
}

/**
 * The line, opened once for all units on it; options are those of the first that opens it. Dispose to give it back, the last one closes it. Throws the
 * `transport.*` errors of the line, the cancellation of the signal.
 */
export async function shareLine(
  end: LineEnd,
  resource: string,
  options: ModbusOptions,
): Promise<{ shared: SharedLine } & AsyncDisposable> {
  const key = end.kind === 'tcp' ? `tcp ${end.host.toLowerCase()} ${end.port}` : `serial ${end.port}`;
  const share = await lines.share(key, (signal) => open(end, resource, { ...options, signal }), options.signal);
  return { shared: share.value, [Symbol.asyncDispose]: () => share[Symbol.asyncDispose]() };
}

async function open(end: LineEnd, resource: string, { tcp, serial, signal }: ModbusOptions): Promise<SharedLine> {
  const transport =
    end.kind === 'tcp'
      ? await openTcp({ host: end.host, port: end.port, resource }, { ...tcp, signal })
      : await openSerial({ port: end.port, resource }, { baudRate: MODBUS_BAUD, ...serial, signal });
  return new SharedLine(new ModbusLine(transport, end.kind === 'tcp'));
}

function overtaken(resource: string): LabError {
  return new LabError(
    'safety.refused',
    `Outputs off came first: the question under way on ${resource} was given up, its answer is missing. Look at the outputs, then ask again.`,
    { resource },
  );
}
