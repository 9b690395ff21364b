import { createDeferred, type Deferred } from '../../core/deferred.ts';
import { VXI11_ERROR } from '../../protocol/vxi11.ts';

/** Longest timer of the system. */
const MAX_WAIT_MS = 0x7fff_ffff;

/** The lock of a device, VXI-11 B.6 device_lock: one link holds it, it does not nest, and waiting links get it in turn. */
export class Vxi11Lock {
  #holder: object | undefined;
  #release: Deferred<void> | undefined;

  /** Gives the error code: 0, 11 when another link holds it longer than `waitMs` or this one holds it already, 23 when aborted. */
  async acquire(link: object, waitMs: number, signal: AbortSignal): Promise<number> {
    if (this.#holder === link) return VXI11_ERROR.locked;
    const error = await this.whenFree(link, waitMs, signal);
    if (error === 0) {
      this.#holder = link;
      this.#release = createDeferred<void>();
    }
    return error;
  }

  /** Resolves with 0 as soon as no other link holds it; else as `acquire`. */
  async whenFree(link: object, waitMs: number, signal: AbortSignal): Promise<number> {
    if (!this.#isHeldByOther(link)) return 0;
    const over = createDeferred<void>();
    const timer = setTimeout(() => over.resolve(), Math.min(waitMs, MAX_WAIT_MS));
    const onAbort = (): void => over.resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    let isOver = waitMs === 0;
    const ended = over.promise.then(() => {
      isOver = true;
    });
    while (this.#isHeldByOther(link) && !isOver && !signal.aborted) await Promise.race([this.#release?.promise, ended]);
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    if (!this.#isHeldByOther(link)) return 0;
    return signal.aborted ? VXI11_ERROR.aborted : VXI11_ERROR.locked;
  }

  /** False: this link does not hold it. */
  release(link: object): boolean {
    if (this.#holder !== link) return false;
    this.#holder = undefined;
    this.#release?.resolve();
    return true;
  }

  #isHeldByOther(link: object): boolean {
    return this.#holder !== undefined && this.#holder !== link;
  }
}
