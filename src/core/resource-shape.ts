/** Port assumed when only a host is given: SCPI raw, IANA 5025 (Rigol listens on 5555, Tektronix on 4000). */
export const SCPI_RAW_PORT = 5025;
/** IVI-6.1 6: the port both channels of HiSLIP connect to. */
export const HISLIP_PORT = 4880;
/** Prologix GPIB-ETHERNET. */
export const PROLOGIX_PORT = 1234;
/** IANA Modbus/TCP. */
export const MODBUS_PORT = 502;
/** IANA USB/IP. */
export const USBIP_PORT = 3240;

/** Primary 0…30; secondary 0…30, as people and VISA write it (on the wire 96…126). */
export interface GpibAddress {
  primary: number;
  secondary?: number | undefined;
}

/** The line to an adapter or a bus: a socket, or a serial port by its name. */
export type LineEnd = { kind: 'tcp'; host: string; port: number } | { kind: 'serial'; port: string };

/** A VISA resource string, understood. `canonical` is its one spelling: equal instruments at equal ways compare equal. */
export type Resource =
  | { kind: 'socket'; canonical: string; host: string; port: number }
  /** Datagrams received at this address (Teleplot); ours. */
  | { kind: 'udp'; canonical: string; host: string; port: number }
  /** `port`: path or COM name as typed; a bare number is a VISA board number. */
  | { kind: 'serial'; canonical: string; port: string }
  /** `corePort`: the port of the core channel, if the portmapper is not to be asked. */
  | { kind: 'vxi11'; canonical: string; host: string; device: string; corePort?: number | undefined }
  /** `device` is the sub-address (`hislip0`). */
  | { kind: 'hislip'; canonical: string; host: string; device: string; port: number }
  /** `usbip`: the host that exports the device, instead of a port of this machine; ours. */
  | {
      kind: 'usb';
      canonical: string;
      vendorId: number;
      productId: number;
      serial: string;
      interfaceNumber: number;
      isRaw: boolean;
      usbip?: { host: string; port: number } | undefined;
    }
  /** `/dev/usbtmcN`: the kernel's driver of Linux. */
  | { kind: 'usbtmc-file'; canonical: string; path: string }
  /** An instrument on a numbered board: a Prologix adapter known by that number, else a board of the vendor's VISA. */
  | { kind: 'gpib'; canonical: string; board: number; address: GpibAddress }
  | { kind: 'gpib-board'; canonical: string; board: number }
  /** A Prologix or AR488 adapter (`…::INTFC`), or with `address` an instrument behind it. */
  | { kind: 'prologix'; canonical: string; board: number; line: LineEnd; address?: GpibAddress | undefined }
  | { kind: 'modbus'; canonical: string; line: LineEnd; unit: number }
  /** An instrument of a lab server; ours. `isSecure`: over TLS. `equipment`: its id there. */
  | { kind: 'server'; canonical: string; host: string; port: number; isSecure: boolean; equipment: string }
  /** Whatever the vendor's VISA opens: `RESOURCE@visa`, and kinds only it knows (PXI, VXI, VICP). */
  | { kind: 'vendor'; canonical: string; resource: string };

export type ResourceKind = Resource['kind'];
