import { createDeferred } from '../../core/deferred.ts';

/** An IN endpoint: transfers of the device, taken by requests of the host. A transfer ends with a short packet. */
export class InPipe {
  readonly #packetSize: number;
  readonly #sendsEmptyPacket: boolean;
  #transfers: { bytes: Uint8Array; offset: number }[] = [];
  #arrival = createDeferred<void>();

  /** Without empty packets a transfer that fills its last packet ends without a short one, as some firmware has it. */
  constructor(packetSize: number, sendsEmptyPacket = true) {
    this.#packetSize = packetSize;
    this.#sendsEmptyPacket = sendsEmptyPacket;
  }

  /** Something of a transfer waits to be taken. */
  get isFull(): boolean {
    return this.#transfers.length > 0;
  }

  get count(): number {
    return this.#transfers.length;
  }

  /** The host takes it when it likes; bytes are borrowed until then. None: an empty packet. */
  push(bytes: Uint8Array): void {
    this.#transfers.push({ bytes, offset: 0 });
    this.#arrival.resolve();
    this.#arrival = createDeferred<void>();
  }

  flush(): void {
    this.#transfers = [];
  }

  async take(length: number, signal: AbortSignal): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let room = length;
    for (;;) {
      signal.throwIfAborted();
      const first = this.#transfers[0];
      if (!first) {
        await untilAborted(this.#arrival.promise, signal);
        continue;
      }
      const part = first.bytes.subarray(first.offset, first.offset + room);
      first.offset += part.length;
      parts.push(part);
      room -= part.length;
      const isOver = first.offset === first.bytes.length;
      const isFullPacket = first.bytes.length % this.#packetSize === 0;
      // The request is full; the empty packet, if the transfer needs one, waits for the next.
      const hasEmpty = isOver && isFullPacket && this.#sendsEmptyPacket;
      if (isOver && !(hasEmpty && room === 0)) this.#transfers.shift();
      const isShort = isOver && (!isFullPacket || (hasEmpty && room > 0));
      if (isShort || room === 0) return Buffer.concat(parts);
    }
  }
}

function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    void promise.then(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
  });
}
