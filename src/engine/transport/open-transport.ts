import { LabError } from '../../core/errors.ts';
import { parseResource } from '../../core/resource.ts';
import type { Resource, ResourceKind } from '../../core/resource-shape.ts';
import type { HislipOptions } from './hislip/hislip-options.ts';
import { openHislip } from './hislip/open-hislip.ts';
import type { ModbusLimits } from './modbus/modbus-limits.ts';
import { openModbus } from './modbus/open-modbus.ts';
import { openSerial } from './open-serial.ts';
import { openTcp, type TcpOptions } from './open-tcp.ts';
import { openUdp } from './open-udp.ts';
import { openGpib, refuseBoard } from './prologix/open-gpib.ts';
import { openPrologix } from './prologix/open-prologix.ts';
import type { SerialOptions } from './serial-options.ts';
import type { Transport } from './transport.ts';
import type { UsbOptions } from './usb/open-usb.ts';
import type { VendorOptions } from './vendor-visa/open-vendor.ts';
import type { Vxi11Options } from './vxi11/open-vxi11.ts';

export interface TransportOptions {
  tcp?: Omit<TcpOptions, 'signal'> | undefined;
  serial?: Omit<SerialOptions, 'signal'> | undefined;
  vxi11?: Omit<Vxi11Options, 'signal'> | undefined;
  hislip?: Omit<HislipOptions, 'signal'> | undefined;
  usb?: Omit<UsbOptions, 'signal'> | undefined;
  vendor?: Omit<VendorOptions, 'signal'> | undefined;
  modbus?: Partial<ModbusLimits> | undefined;
  signal?: AbortSignal | undefined;
}

type Opener<K extends ResourceKind> = (
  resource: Extract<Resource, { kind: K }>,
  options: TransportOptions,
) => Promise<Transport>;

/** Every way, by the kind of its resource. Native libraries are loaded when one is first opened. */
const OPENERS: { [K in ResourceKind]?: Opener<K> } = {
  socket: (parsed, { tcp, signal }) => openTcp({ ...parsed, resource: parsed.canonical }, { ...tcp, signal }),
  hislip: (parsed, { hislip, signal }) => openHislip({ ...parsed, resource: parsed.canonical }, { ...hislip, signal }),
  udp: (parsed, { signal }) => openUdp({ ...parsed, resource: parsed.canonical }, { signal }),
  serial: (parsed, { serial, signal }) => openSerial({ ...parsed, resource: parsed.canonical }, { ...serial, signal }),
  async vxi11(parsed, { vxi11, signal }) {
    const { openVxi11 } = await import('./vxi11/open-vxi11.ts');
    return openVxi11({ ...parsed, resource: parsed.canonical }, { ...vxi11, signal });
  },
  async usb(parsed, { usb, signal }) {
    const { openUsb } = await import('./usb/open-usb.ts');
    return openUsb(parsed, { ...usb, signal });
  },
  async 'usbtmc-file'(parsed, { signal }) {
    const { openUsbtmcFile } = await import('./usbtmc-file/open-usbtmc-file.ts');
    return openUsbtmcFile(parsed, { signal });
  },
  async vendor(parsed, { vendor, signal }) {
    const { openVendor } = await import('./vendor-visa/open-vendor.ts');
    return openVendor(parsed, { ...vendor, signal });
  },
  prologix: openPrologix,
  gpib: openGpib,
  'gpib-board': refuseBoard,
  modbus: openModbus,
};

/**
 * Opens the way a resource string names. Throws `resource.malformed`, `resource.unsupported` (the message says why and what works instead),
 * and the `transport.*` errors of the way.
 */
export async function openTransport(resource: string, options: TransportOptions = {}): Promise<Transport> {
  const parsed = parseResource(resource);
  // The table maps each kind to the opener of its own shape.
  const open = OPENERS[parsed.kind] as Opener<ResourceKind> | undefined;
  if (open) return open(parsed, options);
  throw new LabError(
    'resource.unsupported',
    `${parsed.canonical} cannot be opened as an instrument. Nothing was opened.`,
    { resource: parsed.canonical },
  );
}
