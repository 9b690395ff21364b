import { LabError } from '../../../core/errors.ts';
import type { UsbEndpointInfo, UsbInterfaceInfo } from '../../../protocol/usb-descriptor.ts';
import {
  decodeCapabilities,
  USBTMC_REQUEST,
  USBTMC_STATUS,
  type UsbtmcCapabilities,
} from '../../../protocol/usbtmc.ts';
import type { UsbDevice, UsbSetup } from './usb-device.ts';
import type { UsbtmcSending } from './usbtmc-sending.ts';

/** Longest wait for the answer to one control request, and for an abort or clear to end. */
const CONTROL_MS = 2000;
const PENDING_MS = 5000;
const PENDING_PAUSE_MS = 10;
/** Longest wait for the short packet that ends what the device had queued. */
const DRAIN_MS = 500;
/** Most packets thrown away in one drain: an endless stream is a fault. */
const DRAIN_READS = 4096;

/** The parts of a USBTMC interface: its endpoints and its number. */
export interface UsbtmcEndpoints {
  interfaceNumber: number;
  isUsb488: boolean;
  bulkIn: UsbEndpointInfo;
  bulkOut: UsbEndpointInfo;
  interruptIn: UsbEndpointInfo | undefined;
}

/** undefined: the interface has no pair of bulk endpoints. */
export function usbtmcEndpoints(face: UsbInterfaceInfo): UsbtmcEndpoints | undefined {
  const find = (direction: 'in' | 'out', type: 'bulk' | 'interrupt'): UsbEndpointInfo | undefined =>
    // One whose packets hold nothing carries nothing: reading it would never wait.
    face.endpoints.find(
      (endpoint) => endpoint.direction === direction && endpoint.type === type && endpoint.packetSize > 0,
    );
  const bulkIn = find('in', 'bulk');
  const bulkOut = find('out', 'bulk');
  if (!bulkIn || !bulkOut) return undefined;
  const { number: interfaceNumber, protocolCode } = face;
  return { interfaceNumber, isUsb488: protocolCode === 1, bulkIn, bulkOut, interruptIn: find('in', 'interrupt') };
}

/**
 * The control requests of USBTMC 4.2 and USB488 4.3, and the sequences made of them. wIndex is the number of the interface (the kernel's driver
 * writes 0, which composite devices do not understand). Throws `transport.timeout`, `transport.closed`, `protocol.malformed`.
 */
export class UsbtmcFunction {
  readonly endpoints: UsbtmcEndpoints;
  readonly device: UsbDevice;

  constructor(device: UsbDevice, endpoints: UsbtmcEndpoints) {
    this.device = device;
    this.endpoints = endpoints;
  }

  async capabilities(): Promise<UsbtmcCapabilities> {
    return decodeCapabilities(await this.#ask(USBTMC_REQUEST.getCapabilities, 0, 24));
  }

  /** A request whose answer begins with a status; undefined: the device stalls it. */
  async request(request: number, value: number, length: number): Promise<Uint8Array | undefined> {
    const { interfaceNumber: index } = this.endpoints;
    return this.#send({ type: 'class', recipient: 'interface', request, value, index }, length);
  }

  /**
   * Takes back the request for an answer (4.2.1.4, 4.2.1.5). `settled` resolves when our own transfer is off the bus; its value is whether
   * a short packet ended it after the abort had begun.
   *
   *     INITIATE_ABORT_BULK_IN(tag) ──success──▶ read until a short packet ──▶ CHECK until not pending ──▶ over
   *                                 └─failed (nothing under way, nothing queued), stalled──▶ over
   */
  async abortIn(tag: number, settled: Promise<boolean>): Promise<void> {
    const { bulkIn } = this.endpoints;
    const answer = await this.#askEndpoint(USBTMC_REQUEST.initiateAbortBulkIn, tag, bulkIn, 2);
    const isDrained = await settled;
    if (!answer || answer[0] === USBTMC_STATUS.failed) return;
    if (answer[0] !== USBTMC_STATUS.success) throw refused('an abort of its answer', answer[0]);
    if (!isDrained) await this.drain();
    await this.#untilDone('an abort of its answer', async () => {
      const status = await this.#askEndpoint(USBTMC_REQUEST.checkAbortBulkIn, 0, bulkIn, 8);
      if (status?.[0] === USBTMC_STATUS.pending && ((status[1] ?? 0) & 1) !== 0) await this.drain();
      return status?.[0];
    });
  }

  /**
   * Takes back a message that was sent in part (4.2.1.2, 4.2.1.3); the device halts the endpoint, which ends a transfer that is still on the bus.
   * One of which it has taken nothing yet it does not know: that throws `protocol.malformed`, and a clear ends it.
   */
  async abortOut(tag: number, sending: UsbtmcSending): Promise<void> {
    const { bulkOut } = this.endpoints;
    const answer = await this.#askEndpoint(USBTMC_REQUEST.initiateAbortBulkOut, tag, bulkOut, 2);
    if (answer?.[0] === USBTMC_STATUS.success) {
      await this.#untilDone('an abort of a message', async () => {
        const status = await this.#askEndpoint(USBTMC_REQUEST.checkAbortBulkOut, 0, bulkOut, 8);
        return status?.[0];
      });
    } else if (answer && answer[0] !== USBTMC_STATUS.failed) throw refused('an abort of a message', answer[0]);
    else if (sending.isOnBus) throw refused('an abort of a message that it holds off', answer?.[0]);
    await sending.off;
    await this.device.clearHalt('out', bulkOut.number);
  }

  /**
   * Device clear (4.2.1.6, 4.2.1.7). Our own transfer in must be off the bus, and the one out if it can be taken back; if not, the device's
   * halting ends it. `settled` resolves when it is off.
   */
  async clear(settled?: Promise<void>): Promise<void> {
    const answer = await this.#ask(USBTMC_REQUEST.initiateClear, 0, 1);
    if (answer[0] !== USBTMC_STATUS.success) throw refused('a device clear', answer[0]);
    await this.#untilDone('a device clear', async () => {
      const status = await this.#ask(USBTMC_REQUEST.checkClear, 0, 2);
      if (status[0] === USBTMC_STATUS.pending && ((status[1] ?? 0) & 1) !== 0) await this.drain();
      return status[0];
    });
    await settled;
    await this.device.clearHalt('out', this.endpoints.bulkOut.number);
  }

  /** Reads and drops until a short packet, or until nothing comes. */
  async drain(): Promise<void> {
    const { number, packetSize } = this.endpoints.bulkIn;
    for (let reads = 0; reads < DRAIN_READS; reads++) {
      try {
        const { status, bytes } = await this.device.transferIn(number, packetSize, { timeoutMs: DRAIN_MS });
        if (status === 'stall') await this.device.clearHalt('in', number);
        if (status !== 'ok' || bytes.length < packetSize) return;
      } catch (error) {
        if (error instanceof LabError && error.code === 'transport.timeout') return;
        throw error;
      }
    }
  }

  async #untilDone(what: string, check: () => Promise<number | undefined>): Promise<void> {
    const end = performance.now() + PENDING_MS;
    for (;;) {
      const status = await check();
      if (status === USBTMC_STATUS.success) return;
      if (status !== USBTMC_STATUS.pending) throw refused(what, status);
      if (performance.now() >= end) throw refused(`to end ${what}`, status);
      await new Promise((resolve) => setTimeout(resolve, PENDING_PAUSE_MS));
    }
  }

  async #ask(request: number, value: number, length: number): Promise<Uint8Array> {
    const answer = await this.request(request, value, length);
    if (!answer) throw refused(`request ${request}`, undefined);
    return answer;
  }

  #askEndpoint(
    request: number,
    value: number,
    { number, direction }: UsbEndpointInfo,
    length: number,
  ): Promise<Uint8Array | undefined> {
    const index = number | (direction === 'in' ? 0x80 : 0);
    return this.#send({ type: 'class', recipient: 'endpoint', request, value, index }, length);
  }

  async #send(setup: UsbSetup, length: number): Promise<Uint8Array | undefined> {
    const { status, bytes } = await this.device.controlTransferIn(setup, length, { timeoutMs: CONTROL_MS });
    return status === 'ok' && bytes.length > 0 ? bytes : undefined;
  }
}

function refused(what: string, status: number | undefined): LabError {
  const shown = status === undefined ? 'stalled' : `status 0x${status.toString(16)}`;
  return new LabError('protocol.malformed', `The USB instrument refuses ${what} (${shown}). Switch it off and on.`, {
    status: status ?? -1,
  });
}
