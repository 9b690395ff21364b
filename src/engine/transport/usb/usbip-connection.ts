import type net from 'node:net';
import { ByteQueue } from '../../../core/byte-queue.ts';
import { createDeferred } from '../../../core/deferred.ts';
import { LabError } from '../../../core/errors.ts';
import {
  encodeSubmit,
  encodeUnlink,
  takeUsbipAnswer,
  USBIP_MAX_TRANSFER_BYTES,
  USBIP_STATUS,
  type UsbipAnswer,
  type UsbipDeviceAbout,
} from '../../../protocol/usbip.ts';
import { fromOsError } from '../os-error.ts';
import { cancellation } from '../read-buffer.ts';
import type { UsbTransferOptions } from './usb-device.ts';
import { goneError, transferTimeout } from './usb-error.ts';

/** How long the exporter may take to take a request back. */
const UNLINK_MS = 5000;

export interface UsbipTransfer {
  isIn: boolean;
  endpoint: number;
  length: number;
  setup?: Uint8Array;
  data?: Uint8Array;
}

interface Pending {
  isIn: boolean;
  /** Why it was taken back. */
  reason: LabError | undefined;
  settle(outcome: Extract<UsbipAnswer, { kind: 'submitted' }> | LabError): void;
}

/**
 * The requests of one imported device. Many may be under way; each answer finds its own by the sequence number.
 *
 *     submit ──CMD_SUBMIT──▶ pending ──RET_SUBMIT──▶ answered
 *                               │ abort, timeout: CMD_UNLINK
 *                               ▼
 *                            unlinking ──RET_UNLINK──▶ rejected     (RET_SUBMIT that was on its way: answered all the same)
 *                               │ neither within 5 s: the connection is closed
 */
export class UsbipConnection {
  readonly device: UsbipDeviceAbout;
  /** Resolves when the connection has ended, with the reason. */
  readonly gone: Promise<LabError>;
  readonly #socket: net.Socket;
  readonly #resource: string;
  readonly #deviceId: number;
  readonly #queue = new ByteQueue({ limitBytes: 2 * USBIP_MAX_TRANSFER_BYTES });
  readonly #pending = new Map<number, Pending>();
  /** Requests to take back under way: their sequence number to that of the request. */
  readonly #unlinks = new Map<number, number>();
  readonly #gone = createDeferred<LabError>();
  #sequence = 0;
  #ended: LabError | undefined;

  constructor(socket: net.Socket, device: UsbipDeviceAbout, resource: string) {
    this.#socket = socket;
    this.device = device;
    this.#resource = resource;
    this.#deviceId = ((device.busNumber << 16) | device.deviceNumber) >>> 0;
    this.gone = this.#gone.promise;
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (error) =>
      this.#end(fromOsError(error, resource, `The USB/IP connection of ${resource} broke`)),
    );
    socket.on('close', () => this.#end(goneError(resource)));
    socket.resume();
  }

  /** Throws as the duties of `UsbDevice` say. */
  submit(
    transfer: UsbipTransfer,
    { timeoutMs, signal }: UsbTransferOptions = {},
  ): Promise<{ status: number; length: number; data: Uint8Array }> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      if (signal?.aborted) return reject(cancellation(signal));
      const sequence = this.#next();
      const onAbort = (): void => {
        if (signal) this.#unlink(sequence, cancellation(signal));
      };
      const timer =
        timeoutMs === undefined
          ? undefined
          : setTimeout(() => this.#unlink(sequence, transferTimeout(timeoutMs)), timeoutMs);
      this.#pending.set(sequence, {
        isIn: transfer.isIn,
        reason: undefined,
        settle: (outcome) => {
          this.#pending.delete(sequence);
          clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
          if (outcome instanceof LabError) reject(outcome);
          else resolve(outcome);
        },
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      const { isIn, endpoint, length, setup = NO_SETUP, data = EMPTY } = transfer;
      this.#socket.write(
        encodeSubmit({ kind: 'submit', sequence, deviceId: this.#deviceId, isIn, endpoint, length, setup, data }),
      );
    });
  }

  /** Ends the connection; what is under way rejects with `transport.closed`. */
  async close(): Promise<void> {
    this.#end(goneError(this.#resource, 'The USB device was closed here'));
    await this.gone;
  }

  #next(): number {
    this.#sequence = this.#sequence >= 0x7fff_ffff ? 1 : this.#sequence + 1;
    return this.#sequence;
  }

  #unlink(target: number, reason: LabError): void {
    const pending = this.#pending.get(target);
    if (!pending || pending.reason || this.#ended) return;
    pending.reason = reason;
    const sequence = this.#next();
    this.#unlinks.set(sequence, target);
    this.#socket.write(encodeUnlink(sequence, this.#deviceId, target));
    const { settle } = pending;
    const timer = setTimeout(() => {
      this.#end(goneError(this.#resource, `The USB/IP exporter did not take a request back within ${UNLINK_MS} ms`));
    }, UNLINK_MS);
    pending.settle = (outcome) => {
      clearTimeout(timer);
      settle(outcome);
    };
  }

  #receive(chunk: Uint8Array): void {
    if (this.#ended) return;
    try {
      this.#queue.push(chunk);
      const isIn = (sequence: number): boolean => this.#pending.get(sequence)?.isIn ?? false;
      for (;;) {
        const answer = takeUsbipAnswer(this.#queue, isIn);
        if (!answer) return;
        this.#take(answer);
      }
    } catch (error) {
      this.#end(LabError.from(error));
    }
  }

  #take(answer: UsbipAnswer): void {
    if (answer.kind === 'unlinked') {
      const target = this.#unlinks.get(answer.sequence);
      this.#unlinks.delete(answer.sequence);
      const pending = target === undefined ? undefined : this.#pending.get(target);
      // Status 0: it was answered before, and that answer came first; then nothing is pending.
      if (pending?.reason) pending.settle(pending.reason);
      return;
    }
    const pending = this.#pending.get(answer.sequence);
    if (!pending) return;
    const isGone = answer.status === USBIP_STATUS.noDevice || answer.status === USBIP_STATUS.shutdown;
    if (isGone) this.#end(goneError(this.#resource));
    else if (pending.reason && answer.status === USBIP_STATUS.connectionReset) pending.settle(pending.reason);
    else pending.settle(answer);
  }

  #end(reason: LabError): void {
    if (this.#ended) return;
    this.#ended = reason;
    this.#socket.on('error', () => {});
    this.#socket.destroy();
    for (const pending of [...this.#pending.values()]) pending.settle(reason);
    this.#unlinks.clear();
    this.#queue.clear();
    this.#gone.resolve(reason);
  }
}

const EMPTY = new Uint8Array(0);
const NO_SETUP = new Uint8Array(8);
