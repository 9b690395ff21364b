import { LabError } from './errors.ts';
import { parseResource } from './resource.ts';
import type { ResourceKind } from './resource-shape.ts';

/** What a badge says of the way to an instrument. */
export type Way = 'serial' | 'usb' | 'lan' | 'gpib' | 'modbus' | 'vendor' | 'server';

const WAYS: { [K in ResourceKind]: Way } = {
  socket: 'lan',
  udp: 'lan',
  vxi11: 'lan',
  hislip: 'lan',
  serial: 'serial',
  usb: 'usb',
  'usbtmc-file': 'usb',
  gpib: 'gpib',
  'gpib-board': 'gpib',
  prologix: 'gpib',
  modbus: 'modbus',
  vendor: 'vendor',
  server: 'server',
};

/** The way a resource string names; `lan` for one that cannot be read. */
export function wayOf(resource: string): Way {
  try {
    return WAYS[parseResource(resource).kind];
  } catch (error) {
    if (error instanceof LabError) return 'lan';
    throw error;
  }
}
