import { createDeferred, type Deferred } from '../../../core/deferred.ts';
import { LabError } from '../../../core/errors.ts';
import { decodeNotification, nextStatusTag, USBTMC_REQUEST, USBTMC_STATUS } from '../../../protocol/usbtmc.ts';
import { cancellation } from '../read-buffer.ts';
import { SerialTurn } from './serial-turn.ts';
import type { UsbtmcFunction } from './usbtmc-function.ts';

/** How long the status byte may take on the interrupt endpoint. */
const STATUS_MS = 2000;
/** After a transfer that failed or was stalled the endpoint is left alone for so long, twice as long each time, until one succeeds. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** The same while somebody waits for a status byte. */
const AWAITED_PAUSE_MS = 20;

/**
 * The status byte and service requests of USB488. With an interrupt endpoint a transfer waits on it all the time: the device answers
 * READ_STATUS_BYTE there, with the tag asked for (3.4.2), and says service requests (3.4.1). Without one the answer is in the control transfer.
 *
 *     listening ──failed, stalled──▶ pausing ──time is over, a status byte is asked for──▶ listening
 *         │                             │
 *         └── stopped, device gone ─────┴──▶ over
 */
export class UsbtmcInterrupt {
  readonly #function: UsbtmcFunction;
  readonly #listeners = new Set<(statusByte: number) => void>();
  readonly #controller = new AbortController();
  readonly #turn = new SerialTurn();
  #awaited: { tag: number; arrival: Deferred<number> } | undefined;
  #tag = 1;
  /** Ends the pause. */
  #wake: (() => void) | undefined;
  #done: Promise<void> = Promise.resolve();

  constructor(owner: UsbtmcFunction) {
    this.#function = owner;
  }

  start(): void {
    this.#done = this.#listen();
  }

  /** The transfer is off the bus when it resolves. */
  async stop(): Promise<void> {
    this.#controller.abort();
    await this.#done;
  }

  listen(listener: (statusByte: number) => void): AsyncDisposable {
    // A listener added twice is two.
    const own = (statusByte: number): void => listener(statusByte);
    this.#listeners.add(own);
    return {
      [Symbol.asyncDispose]: async () => {
        this.#listeners.delete(own);
      },
    };
  }

  /** Throws `transport.timeout`, `transport.closed`, `protocol.malformed`. */
  statusByte(signal?: AbortSignal): Promise<number> {
    return this.#turn.run(() => this.#poll(signal));
  }

  async #poll(signal: AbortSignal | undefined): Promise<number> {
    if (signal?.aborted) throw cancellation(signal);
    const tag = nextStatusTag(this.#tag);
    this.#tag = tag;
    const arrival = createDeferred<number>();
    this.#awaited = { tag, arrival };
    this.#wake?.();
    try {
      const answer = await this.#function.request(USBTMC_REQUEST.readStatusByte, tag, 3);
      if (!answer || answer[0] !== USBTMC_STATUS.success || answer[1] !== tag) throw noStatus(answer);
      const { interruptIn } = this.#function.endpoints;
      return interruptIn ? await withTimeout(arrival.promise, signal) : (answer[2] ?? 0);
    } finally {
      this.#awaited = undefined;
    }
  }

  async #listen(): Promise<void> {
    const { device, endpoints } = this.#function;
    const { interruptIn } = endpoints;
    if (!interruptIn) return;
    const { signal } = this.#controller;
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; ) {
      try {
        const { status, bytes } = await device.transferIn(interruptIn.number, interruptIn.packetSize, { signal });
        if (status === 'ok') {
          pauseMs = FIRST_PAUSE_MS;
          this.#take(bytes);
          continue;
        }
        await device.clearHalt('in', interruptIn.number);
      } catch (error) {
        // The device is gone: its owner hears of that by itself.
        if (error instanceof LabError && error.code === 'transport.closed') return;
      }
      await this.#pause(pauseMs);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    }
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#controller;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(end, this.#awaited ? AWAITED_PAUSE_MS : ms);
      signal.addEventListener('abort', end);
      this.#wake = end;
    });
  }

  #take(bytes: Uint8Array): void {
    const notification = decodeNotification(bytes);
    if (notification?.kind === 'service-request') {
      for (const listener of [...this.#listeners]) listener(notification.statusByte);
    } else if (notification && notification.tag === this.#awaited?.tag) {
      this.#awaited.arrival.resolve(notification.statusByte);
    }
  }
}

function withTimeout(arrival: Promise<number>, signal: AbortSignal | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => finish(() => reject(signal && cancellation(signal)));
    const timer = setTimeout(() => {
      const message = `The USB instrument did not send its status byte within ${STATUS_MS} ms. Ask again; if it stays, switch it off and on.`;
      finish(() => reject(new LabError('transport.timeout', message)));
    }, STATUS_MS);
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      settle();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    // Aborted while the request was on the bus.
    if (signal?.aborted) onAbort();
    void arrival.then((statusByte) => finish(() => resolve(statusByte)));
  });
}

function noStatus(answer: Uint8Array | undefined): LabError {
  const shown = answer ? `status 0x${(answer[0] ?? 0).toString(16)}` : 'stalled';
  return new LabError('protocol.malformed', `The USB instrument gives no status byte (${shown}). Ask again.`);
}
