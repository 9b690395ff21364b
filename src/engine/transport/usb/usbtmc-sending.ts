import { createDeferred } from '../../../core/deferred.ts';
import { LabError } from '../../../core/errors.ts';
import type { UsbDevice } from './usb-device.ts';

/** Bytes of one USB request out: a stop waits for no more than one. */
const OUT_REQUEST_BYTES = 64 * 1024;
/** How long the request under way may take to come off the bus once it is stopped. */
const LEAVE_MS = 300;

/**
 * One bulk OUT transfer, in pieces that a stop may come between.
 *
 *     sending ──all taken──▶ over
 *        │ stop(reason)
 *        ▼
 *     leaving ──off the bus──▶ stopped: `done` rejects with the reason
 *        │ LEAVE_MS
 *        ▼
 *     left: `done` rejects, though a request waits on the bus. The package `usb` cannot take one back; the device can: told of an abort or a
 *     clear it halts the endpoint (USBTMC 4.2.1.2, 4.2.1.6), which ends the request, and `off` resolves
 */
export class UsbtmcSending {
  /** Rejects with the reason of the stop, `protocol.malformed` (the device halted the endpoint), `transport.*`. */
  readonly done: Promise<void>;
  /** Resolves when no request of it is on the bus. */
  readonly off: Promise<void>;
  readonly #device: UsbDevice;
  readonly #endpoint: number;
  readonly #stop = new AbortController();
  readonly #result = createDeferred<void>();
  #isOnBus = true;
  #timer: NodeJS.Timeout | undefined;

  constructor(device: UsbDevice, endpoint: number, transfer: Uint8Array) {
    this.#device = device;
    this.#endpoint = endpoint;
    this.done = this.#result.promise;
    this.off = this.#send(transfer).then(
      () => this.#leave(() => this.#result.resolve()),
      (error: unknown) => this.#leave(() => this.#result.reject(error)),
    );
  }

  /** A request of it is still on the bus. */
  get isOnBus(): boolean {
    return this.#isOnBus;
  }

  stop(reason: LabError): void {
    if (!this.#isOnBus || this.#timer) return;
    this.#stop.abort(reason);
    this.#timer = setTimeout(() => this.#result.reject(reason), LEAVE_MS);
  }

  #leave(settle: () => void): void {
    this.#isOnBus = false;
    clearTimeout(this.#timer);
    settle();
  }

  async #send(transfer: Uint8Array): Promise<void> {
    const { signal } = this.#stop;
    for (let at = 0; at < transfer.length; at += OUT_REQUEST_BYTES) {
      const piece = transfer.subarray(at, at + OUT_REQUEST_BYTES);
      const { status } = await this.#device.transferOut(this.#endpoint, piece, { signal });
      if (status === 'ok') continue;
      // Halted because of the stop: what tells the device of it clears the halt.
      signal.throwIfAborted();
      await this.#device.clearHalt('out', this.#endpoint);
      throw new LabError(
        'protocol.malformed',
        'The USB instrument refused the message (it halted the endpoint). Nothing of it was carried out. Send it again; if it stays, clear the instrument.',
      );
    }
  }
}
