/// <reference types="w3c-web-usb" />
import type { PackageDevice, UsbPackage } from '../../src/engine/transport/usb/usb-package.ts';
import type { SetupPacket, UsbPeripheral } from '../../src/simulator/usb/usb-peripheral.ts';

const RECIPIENTS = { device: 0, interface: 1, endpoint: 2, other: 3 } as const;
const TYPES = { standard: 0, class: 0x20, vendor: 0x40 } as const;

/**
 * A bus in the shape of the package `usb` 3.1.0, as it behaves on Linux: a timeout throws `Cancelled` and loses what had come, a stall throws
 * `endpoint stalled`, there is no cancelling, and a device that was pulled throws `device disconnected`.
 */
export interface PackageBus {
  load(): Promise<UsbPackage>;
  unplug(): void;
  /** What was done to the interfaces, in order. */
  readonly log: string[];
}

export function createPackageBus(peripheral: UsbPeripheral): PackageBus {
  const listeners = { connect: new Set<Listener>(), disconnect: new Set<Listener>() };
  const log: string[] = [];
  let isPlugged = true;
  let opened = false;
  const unplugged = new AbortController();
  const device = {
    ...aboutOf(peripheral),
    handle: '1-1',
    get opened() {
      return opened;
    },
    async open() {
      if (!isPlugged) throw new Error('device disconnected');
      opened = true;
      peripheral.attach(() => bus.unplug());
    },
    async close() {
      opened = false;
      peripheral.detach();
    },
    async reset() {
      log.push('reset');
      peripheral.reset();
    },
    async selectConfiguration() {},
    async claimInterface(number: number) {
      log.push(`claim ${number}`);
    },
    async releaseInterface(number: number) {
      log.push(`release ${number}`);
    },
    async detachKernelDriver() {},
    async attachKernelDriver(number: number) {
      log.push(`attach ${number}`);
    },
    async clearHalt(direction: 'in' | 'out', number: number) {
      peripheral.clearHalt(number | (direction === 'in' ? 0x80 : 0));
    },
    async controlTransferIn(setup: USBControlTransferParameters, length: number, timeout = 1000) {
      const { outcome, data } = await within(timeout, () => peripheral.control(packetOf(setup, true, length), NOTHING));
      return { status: 'ok' as const, data: viewOf(checked(outcome, data).subarray(0, length)) };
    },
    async controlTransferOut(setup: USBControlTransferParameters, bytes: BufferSource, timeout = 1000) {
      const data = new Uint8Array(bytes as ArrayBuffer);
      await within(timeout, () => peripheral.control(packetOf(setup, false, data.length), data));
      return { status: 'ok' as const, bytesWritten: data.length };
    },
    async transferIn(number: number, length: number, timeout = 1000) {
      const { outcome, data } = await within(timeout, (signal) => peripheral.in(number, length, signal));
      return { status: 'ok' as const, data: viewOf(checked(outcome, data)) };
    },
    async transferOut(number: number, bytes: BufferSource, timeout = 1000) {
      const data = new Uint8Array(bytes as Uint8Array);
      const outcome = await within(timeout, (signal) => peripheral.out(number, data, signal));
      checked(outcome, NOTHING);
      return { status: 'ok' as const, bytesWritten: data.length };
    },
  } as unknown as PackageDevice;

  async function within<T>(timeout: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (!isPlugged) throw new Error('device disconnected');
    const controller = new AbortController();
    const end = (): void => controller.abort(new Error('device disconnected'));
    // A timer of its own: AbortSignal.timeout is collected under a transfer that nothing else holds.
    const timer = setTimeout(() => controller.abort(new Error('Cancelled')), timeout);
    unplugged.signal.addEventListener('abort', end);
    try {
      return await run(controller.signal);
    } finally {
      clearTimeout(timer);
      unplugged.signal.removeEventListener('abort', end);
    }
  }

  const bus: PackageBus = {
    log,
    load: async () => ({
      getDevices: async () => (isPlugged ? [device] : []),
      addEventListener: (type, listener) => void listeners[type].add(listener),
      removeEventListener: (type, listener) => void listeners[type].delete(listener),
    }),
    unplug() {
      isPlugged = false;
      peripheral.detach();
      unplugged.abort();
      for (const listener of [...listeners.disconnect]) listener({ device });
    },
  };
  return bus;
}

type Listener = (event: { device: PackageDevice }) => void;
const NOTHING = new Uint8Array(0);

function aboutOf({ descriptor, configuration, strings }: UsbPeripheral): Record<string, unknown> {
  const interfaces = configuration.interfaces.map((face) => {
    const alternate = {
      alternateSetting: 0,
      interfaceClass: face.classCode,
      interfaceSubclass: face.subclassCode,
      interfaceProtocol: face.protocolCode,
      endpoints: face.endpoints.map(({ number, ...rest }) => ({ endpointNumber: number, ...rest })),
    };
    return { interfaceNumber: face.number, claimed: false, alternate, alternates: [alternate] };
  });
  const active = { configurationValue: configuration.value, interfaces };
  return {
    vendorId: descriptor.vendorId,
    productId: descriptor.productId,
    manufacturerName: strings[0] || null,
    productName: strings[1] || null,
    serialNumber: strings[2] || null,
    configuration: active,
    configurations: [active],
  };
}

function packetOf(setup: USBControlTransferParameters, isIn: boolean, length: number): SetupPacket {
  const requestType = (isIn ? 0x80 : 0) | TYPES[setup.requestType] | RECIPIENTS[setup.recipient];
  return { requestType, request: setup.request, value: setup.value, index: setup.index, length };
}

function checked(outcome: 'ok' | 'stall', data: Uint8Array): Uint8Array {
  if (outcome === 'stall') throw new Error('endpoint stalled');
  return data;
}

function viewOf(bytes: Uint8Array): DataView {
  // A Buffer's own slice would share its memory.
  return new DataView(new Uint8Array(bytes).buffer);
}
