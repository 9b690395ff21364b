/// <reference types="w3c-web-usb" />
import { createDeferred } from '../../../core/deferred.ts';
import { LabError } from '../../../core/errors.ts';
import type { UsbConfigurationInfo, UsbDirection } from '../../../protocol/usb-descriptor.ts';
import { cancellation } from '../read-buffer.ts';
import type { UsbDevice, UsbIdentity, UsbInResult, UsbOutResult, UsbSetup, UsbTransferOptions } from './usb-device.ts';
import { goneError, openError, transferTimeout } from './usb-error.ts';
import { usbResource } from './usb-resource.ts';

/** What is used of a device of the package `usb` (WebUSB with a timeout as last argument, and the two calls of Linux). */
export interface PackageDevice
  extends Omit<USBDevice, 'controlTransferIn' | 'controlTransferOut' | 'transferIn' | 'transferOut'> {
  readonly handle?: string;
  detachKernelDriver(interfaceNumber: number): Promise<void>;
  attachKernelDriver(interfaceNumber: number): Promise<void>;
  controlTransferIn(
    setup: USBControlTransferParameters,
    length: number,
    timeout?: number,
  ): Promise<USBInTransferResult>;
  controlTransferOut(
    setup: USBControlTransferParameters,
    data: BufferSource,
    timeout?: number,
  ): Promise<USBOutTransferResult>;
  transferIn(endpoint: number, length: number, timeout?: number): Promise<USBInTransferResult>;
  transferOut(endpoint: number, data: BufferSource, timeout?: number): Promise<USBOutTransferResult>;
}

/** What is used of the package. */
export interface UsbPackage {
  getDevices(): Promise<PackageDevice[]>;
  addEventListener(type: 'connect' | 'disconnect', listener: (event: { device: PackageDevice }) => void): void;
  removeEventListener(type: 'connect' | 'disconnect', listener: (event: { device: PackageDevice }) => void): void;
}

/**
 * The package knows no cancelling, only timeouts, and loses what a transfer had when it times out. A transfer of one packet has nothing to
 * lose: it waits in slices of this length, so that an abort takes no longer.
 */
const SLICE_MS = 200;
/** A transfer of several packets that may be aborted waits no longer than this for its next byte; the device has said that it sends. */
const LONG_MS = 10_000;

/** Loads the package. Throws `discovery.unavailable` with the reason if it cannot be loaded here. */
export async function loadUsbPackage(): Promise<UsbPackage> {
  try {
    const { usb } = await import('usb');
    return usb as unknown as UsbPackage;
  } catch (error) {
    throw unavailable(error);
  }
}

/** The devices of this computer. Throws `discovery.unavailable` where there is no USB. */
export async function listPackageDevices(load: () => Promise<UsbPackage> = loadUsbPackage): Promise<PackageDevice[]> {
  const usb = await load();
  try {
    return await usb.getDevices();
  } catch (error) {
    throw unavailable(error);
  }
}

/** Calls back when a device comes or goes, until disposed. Where the system tells no such thing, never. */
export async function watchUsb(
  onChange: () => void,
  load: () => Promise<UsbPackage> = loadUsbPackage,
): Promise<Disposable> {
  // Listening where there is no USB ends in an error nobody can catch: the package throws it from a timer.
  await listPackageDevices(load);
  const usb = await load();
  usb.addEventListener('connect', onChange);
  usb.addEventListener('disconnect', onChange);
  return {
    [Symbol.dispose]() {
      usb.removeEventListener('connect', onChange);
      usb.removeEventListener('disconnect', onChange);
    },
  };
}

export function identityOf(device: PackageDevice): UsbIdentity {
  const { vendorId, productId, manufacturerName, productName, serialNumber } = device;
  return {
    vendorId,
    productId,
    maker: manufacturerName ?? undefined,
    product: productName ?? undefined,
    serial: serialNumber ?? undefined,
  };
}

/** A device of this computer. */
export class PackageUsbDevice implements UsbDevice {
  readonly identity: UsbIdentity;
  readonly gone: Promise<LabError>;
  readonly #device: PackageDevice;
  readonly #usb: UsbPackage;
  readonly #gone = createDeferred<LabError>();
  readonly #resource: string;
  readonly #claimed = new Set<number>();
  #ended: LabError | undefined;
  #watch: Disposable | undefined;

  constructor(device: PackageDevice, usb: UsbPackage) {
    this.#device = device;
    this.#usb = usb;
    this.identity = identityOf(device);
    this.#resource = usbResource('USB0', this.identity);
    this.gone = this.#gone.promise;
  }

  get configuration(): UsbConfigurationInfo {
    const active = this.#device.configuration ?? this.#device.configurations[0];
    return {
      value: active?.configurationValue ?? 0,
      interfaces: (active?.interfaces ?? []).map(({ interfaceNumber, alternates, alternate }) => {
        const first = alternates.find(({ alternateSetting }) => alternateSetting === 0) ?? alternate;
        return {
          number: interfaceNumber,
          classCode: first.interfaceClass,
          subclassCode: first.interfaceSubclass,
          protocolCode: first.interfaceProtocol,
          endpoints: first.endpoints.map(({ endpointNumber, direction, type, packetSize }) => ({
            number: endpointNumber,
            direction,
            type,
            packetSize,
          })),
        };
      }),
    };
  }

  async open(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) throw cancellation(signal);
    await this.#try(() => this.#device.open(), `Cannot open ${this.#resource}`);
    const onLeave = ({ device }: { device: PackageDevice }): void => {
      if (device === this.#device || (device.handle !== undefined && device.handle === this.#device.handle))
        this.#leave();
    };
    this.#usb.addEventListener('disconnect', onLeave);
    this.#watch = { [Symbol.dispose]: () => this.#usb.removeEventListener('disconnect', onLeave) };
  }

  /** Gives the kernel its driver back, as it was before. */
  async close(): Promise<void> {
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    for (const number of [...this.#claimed]) await this.releaseInterface(number).catch(() => {});
    if (this.#device.opened) await this.#device.close().catch(() => {});
    this.#ended ??= goneError(this.#resource, 'The USB device was closed here');
    this.#gone.resolve(this.#ended);
  }

  async selectConfiguration(value: number): Promise<void> {
    await this.#try(() => this.#device.selectConfiguration(value), `Cannot configure ${this.#resource}`);
  }

  async claimInterface(number: number): Promise<void> {
    await this.#try(() => this.#device.claimInterface(number), `Cannot use interface ${number} of ${this.#resource}`);
    this.#claimed.add(number);
  }

  async releaseInterface(number: number): Promise<void> {
    this.#claimed.delete(number);
    if (this.#ended) return;
    await this.#device.releaseInterface(number);
    // Only Linux has a driver to give back, and only if one was there.
    await this.#device.attachKernelDriver(number).catch(() => {});
  }

  async controlTransferIn(
    setup: UsbSetup,
    length: number,
    { timeoutMs = LONG_MS }: UsbTransferOptions = {},
  ): Promise<UsbInResult> {
    return this.#in(() => this.#device.controlTransferIn(controlParameters(setup), length, timeoutMs), timeoutMs);
  }

  async controlTransferOut(
    setup: UsbSetup,
    bytes: Uint8Array,
    { timeoutMs = LONG_MS }: UsbTransferOptions = {},
  ): Promise<UsbOutResult> {
    const send = (): Promise<USBOutTransferResult> =>
      this.#device.controlTransferOut(controlParameters(setup), bytes as Uint8Array<ArrayBuffer>, timeoutMs);
    return this.#out(send, timeoutMs);
  }

  async transferIn(
    endpoint: number,
    length: number,
    { timeoutMs, signal }: UsbTransferOptions = {},
  ): Promise<UsbInResult> {
    const isOnePacket = length <= this.#packetSize(endpoint);
    const endMs = timeoutMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeoutMs;
    for (;;) {
      if (signal?.aborted) throw cancellation(signal);
      const leftMs = Math.max(1, Math.ceil(endMs - performance.now()));
      const waitMs = isOnePacket ? Math.min(SLICE_MS, leftMs) : Math.min(LONG_MS, leftMs);
      try {
        return await this.#in(() => this.#device.transferIn(endpoint, length, waitMs), timeoutMs ?? waitMs);
      } catch (error) {
        const isSlice = error instanceof LabError && error.code === 'transport.timeout';
        if (!isSlice || !isOnePacket || performance.now() >= endMs) throw error;
      }
    }
  }

  async transferOut(
    endpoint: number,
    bytes: Uint8Array,
    { timeoutMs = LONG_MS, signal }: UsbTransferOptions = {},
  ): Promise<UsbOutResult> {
    if (signal?.aborted) throw cancellation(signal);
    return this.#out(() => this.#device.transferOut(endpoint, bytes as Uint8Array<ArrayBuffer>, timeoutMs), timeoutMs);
  }

  async clearHalt(direction: UsbDirection, endpoint: number): Promise<void> {
    await this.#try(() => this.#device.clearHalt(direction, endpoint), `Cannot clear endpoint ${endpoint}`);
  }

  async reset(): Promise<void> {
    await this.#try(() => this.#device.reset(), `Cannot reset ${this.#resource}`);
  }

  #packetSize(endpoint: number): number {
    const endpoints = this.configuration.interfaces.flatMap((one) => one.endpoints);
    return endpoints.find(({ number, direction }) => number === endpoint && direction === 'in')?.packetSize ?? 64;
  }

  async #in(run: () => Promise<USBInTransferResult>, timeoutMs: number): Promise<UsbInResult> {
    const result = await this.#transfer(run, timeoutMs);
    if (!result) return { status: 'stall', bytes: new Uint8Array(0) };
    const { data, status = 'ok' } = result;
    const bytes = data ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(0);
    return { status, bytes };
  }

  async #out(run: () => Promise<USBOutTransferResult>, timeoutMs: number): Promise<UsbOutResult> {
    const result = await this.#transfer(run, timeoutMs);
    return result ? { status: 'ok', bytesWritten: result.bytesWritten } : { status: 'stall', bytesWritten: 0 };
  }

  /** The package throws where WebUSB has a status: `endpoint stalled`, and `Cancelled` for a timeout. undefined: stalled. */
  async #transfer<T>(run: () => Promise<T>, timeoutMs: number): Promise<T | undefined> {
    if (this.#ended) throw this.#ended;
    try {
      return await run();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (/stall/i.test(text)) return undefined;
      if (/cancel|time/i.test(text)) throw transferTimeout(timeoutMs);
      if (/disconnect|no device|unplug|ENODEV|shutdown|not open/i.test(text)) this.#leave();
      throw this.#ended ?? openError(error, this.#resource, `A transfer of ${this.#resource} failed`);
    }
  }

  async #try(run: () => Promise<void>, doing: string): Promise<void> {
    if (this.#ended) throw this.#ended;
    try {
      await run();
    } catch (error) {
      throw openError(error, this.#resource, doing, this.identity.vendorId);
    }
  }

  #leave(): void {
    this.#ended ??= goneError(this.#resource);
    this.#gone.resolve(this.#ended);
  }
}

function controlParameters({ type, recipient, request, value, index }: UsbSetup): USBControlTransferParameters {
  return { requestType: type, recipient, request, value, index };
}

function unavailable(error: unknown): LabError {
  const text = error instanceof Error ? error.message : String(error);
  return new LabError(
    'discovery.unavailable',
    `USB cannot be used on this computer (${text}). Other ways go on; USB instruments of another computer can be reached by USB/IP.`,
    { system: text },
    { cause: error },
  );
}
