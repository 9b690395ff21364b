import { createDeferred } from '../../../core/deferred.ts';
import { LabError } from '../../../core/errors.ts';
import {
  configurationTotal,
  decodeConfiguration,
  decodeDeviceDescriptor,
  decodeLanguage,
  decodeStringDescriptor,
  USB_DESCRIPTOR,
  USB_STANDARD,
  type UsbConfigurationInfo,
  type UsbDirection,
} from '../../../protocol/usb-descriptor.ts';
import { USBIP_STATUS } from '../../../protocol/usbip.ts';
import type { UsbDevice, UsbIdentity, UsbInResult, UsbOutResult, UsbSetup, UsbTransferOptions } from './usb-device.ts';
import { goneError } from './usb-error.ts';
import { importUsbipDevice, type UsbipHost } from './usbip-client.ts';
import type { UsbipConnection, UsbipTransfer } from './usbip-connection.ts';

/** Longest wait for a descriptor and other standard requests. */
const STANDARD_MS = 5000;

const TYPES = { standard: 0, class: 0x20, vendor: 0x40 } as const;
const RECIPIENTS = { device: 0, interface: 1, endpoint: 2, other: 3 } as const;

export interface UsbipDeviceTarget extends UsbipHost {
  busId: string;
  vendorId: number;
  productId: number;
  /** For messages. */
  resource: string;
  connectTimeoutMs?: number | undefined;
}

/**
 * A device on another computer, by USB/IP: we are its host and read its descriptors ourselves. Nothing is detached here; the exporter took the
 * device from its own drivers when it exported it.
 */
export class UsbipDevice implements UsbDevice {
  identity: UsbIdentity;
  configuration: UsbConfigurationInfo = { value: 0, interfaces: [] };
  readonly gone: Promise<LabError>;
  readonly #target: UsbipDeviceTarget;
  readonly #gone = createDeferred<LabError>();
  #connection: UsbipConnection | undefined;

  constructor(target: UsbipDeviceTarget) {
    this.#target = target;
    const { vendorId, productId } = target;
    this.identity = { vendorId, productId, maker: undefined, product: undefined, serial: undefined };
    this.gone = this.#gone.promise;
  }

  async open(signal?: AbortSignal): Promise<void> {
    const { busId, resource, connectTimeoutMs } = this.#target;
    const connection = await importUsbipDevice(this.#target, busId, resource, { signal, connectTimeoutMs });
    this.#connection = connection;
    void connection.gone.then((reason) => this.#gone.resolve(reason));
    try {
      await this.#readDescriptors(connection.device.configurationValue);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#connection?.close();
  }

  async selectConfiguration(value: number): Promise<void> {
    const setup = { type: 'standard', recipient: 'device', request: USB_STANDARD.setConfiguration, index: 0 } as const;
    await this.#standardOut({ ...setup, value });
  }

  async claimInterface(): Promise<void> {}

  async releaseInterface(): Promise<void> {}

  async controlTransferIn(setup: UsbSetup, length: number, options?: UsbTransferOptions): Promise<UsbInResult> {
    return this.#in({ isIn: true, endpoint: 0, length, setup: setupPacket(setup, true, length) }, options);
  }

  async controlTransferOut(setup: UsbSetup, bytes: Uint8Array, options?: UsbTransferOptions): Promise<UsbOutResult> {
    const packet = setupPacket(setup, false, bytes.length);
    return this.#out({ isIn: false, endpoint: 0, length: bytes.length, setup: packet, data: bytes }, options);
  }

  transferIn(endpoint: number, length: number, options?: UsbTransferOptions): Promise<UsbInResult> {
    return this.#in({ isIn: true, endpoint, length }, options);
  }

  transferOut(endpoint: number, bytes: Uint8Array, options?: UsbTransferOptions): Promise<UsbOutResult> {
    return this.#out({ isIn: false, endpoint, length: bytes.length, data: bytes }, options);
  }

  /** CLEAR_FEATURE(ENDPOINT_HALT), USB 2.0 9.4.1. */
  async clearHalt(direction: UsbDirection, endpoint: number): Promise<void> {
    const index = endpoint | (direction === 'in' ? 0x80 : 0);
    const setup = { type: 'standard', recipient: 'endpoint', request: USB_STANDARD.clearFeature, value: 0 } as const;
    await this.#standardOut({ ...setup, index });
  }

  /** A port reset, as the exporter of Linux understands it: SET_FEATURE(PORT_RESET) of the hub class. */
  async reset(): Promise<void> {
    const setup = { type: 'class', recipient: 'other', request: USB_STANDARD.setFeature, value: 4, index: 0 } as const;
    await this.#standardOut(setup);
    await this.selectConfiguration(this.configuration.value);
  }

  async #readDescriptors(activeValue: number): Promise<void> {
    const device = decodeDeviceDescriptor(await this.#descriptor(USB_DESCRIPTOR.device, 0, 0, 18));
    let found: UsbConfigurationInfo | undefined;
    for (let index = 0; index < device.configurations && index < 8; index++) {
      const head = await this.#descriptor(USB_DESCRIPTOR.configuration, index, 0, 9);
      const whole = await this.#descriptor(USB_DESCRIPTOR.configuration, index, 0, configurationTotal(head));
      const configuration = decodeConfiguration(whole);
      if (!found || configuration.value === activeValue) found = configuration;
    }
    if (!found) throw this.#refused('it has no configuration');
    this.configuration = found;
    this.identity = {
      ...this.identity,
      maker: await this.#text(device.makerIndex),
      product: await this.#text(device.productIndex),
      serial: await this.#text(device.serialIndex),
    };
    if (activeValue !== found.value) await this.selectConfiguration(found.value);
  }

  /** A text the device does not give is no reason not to open it. */
  async #text(index: number): Promise<string | undefined> {
    if (index === 0) return undefined;
    try {
      const language = decodeLanguage(await this.#descriptor(USB_DESCRIPTOR.string, 0, 0, 255));
      return decodeStringDescriptor(await this.#descriptor(USB_DESCRIPTOR.string, index, language, 255)) || undefined;
    } catch (error) {
      if (error instanceof LabError && error.code === 'transport.closed') throw error;
      return undefined;
    }
  }

  async #descriptor(kind: number, index: number, language: number, length: number): Promise<Uint8Array> {
    const { status, bytes } = await this.controlTransferIn(
      {
        type: 'standard',
        recipient: 'device',
        request: USB_STANDARD.getDescriptor,
        value: (kind << 8) | index,
        index: language,
      },
      length,
      { timeoutMs: STANDARD_MS },
    );
    if (status !== 'ok') throw this.#refused('it gives no descriptor');
    return bytes;
  }

  async #standardOut(setup: UsbSetup): Promise<void> {
    const { status } = await this.controlTransferOut(setup, new Uint8Array(0), { timeoutMs: STANDARD_MS });
    if (status !== 'ok') throw this.#refused(`it refuses standard request ${setup.request}`);
  }

  async #in(transfer: UsbipTransfer, options?: UsbTransferOptions): Promise<UsbInResult> {
    const { status, data } = await this.#submit(transfer, options);
    if (status === USBIP_STATUS.stall) return { status: 'stall', bytes: data };
    if (status === USBIP_STATUS.overflow) return { status: 'babble', bytes: data };
    if (status !== USBIP_STATUS.ok) throw this.#refused(`status ${status}`);
    return { status: 'ok', bytes: data };
  }

  async #out(transfer: UsbipTransfer, options?: UsbTransferOptions): Promise<UsbOutResult> {
    const { status, length } = await this.#submit(transfer, options);
    if (status === USBIP_STATUS.stall) return { status: 'stall', bytesWritten: length };
    if (status !== USBIP_STATUS.ok) throw this.#refused(`status ${status}`);
    return { status: 'ok', bytesWritten: length };
  }

  async #submit(
    transfer: UsbipTransfer,
    options?: UsbTransferOptions,
  ): Promise<{ status: number; length: number; data: Uint8Array }> {
    if (!this.#connection) throw goneError(this.#target.resource, 'The USB device is not open');
    return this.#connection.submit(transfer, options);
  }

  #refused(what: string): LabError {
    const message = `The USB device ${this.#target.resource} does not work: ${what}. Plug it in again.`;
    return new LabError('transport.failed', message, { resource: this.#target.resource });
  }
}

/** The eight bytes of a setup packet (USB 2.0 table 9-2); little endian. */
function setupPacket({ type, recipient, request, value, index }: UsbSetup, isIn: boolean, length: number): Uint8Array {
  const bytes = new Uint8Array(8);
  bytes[0] = (isIn ? 0x80 : 0) | TYPES[type] | RECIPIENTS[recipient];
  bytes[1] = request;
  const view = new DataView(bytes.buffer);
  view.setUint16(2, value, true);
  view.setUint16(4, index, true);
  view.setUint16(6, length, true);
  return bytes;
}
