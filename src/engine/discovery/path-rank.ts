import type { FoundPath } from '../../contract/discovery-schema.ts';
import { LabError } from '../../core/errors.ts';
import { parseResource } from '../../core/resource.ts';
import type { Resource, ResourceKind } from '../../core/resource-shape.ts';

/**
 * Which way to an instrument is the best, when there are several: those with a device clear, service requests and message ends first (USB before HiSLIP before VXI-11: the
 * fewer round trips and the fewer things between), then the plain socket, then what shares a wire, then slow lines, then what needs the vendor's library.
 */
const RANK: Record<ResourceKind, number> = {
  usb: 0,
  'usbtmc-file': 1,
  hislip: 2,
  vxi11: 3,
  socket: 4,
  udp: 5,
  prologix: 6,
  gpib: 7,
  modbus: 8,
  serial: 9,
  vendor: 10,
  // By another machine, which others use, too.
  server: 11,
  'gpib-board': 12,
};
const STATES: Record<FoundPath['state'], number> = { usable: 0, unknown: 1, unusable: 2 };

/** Order of paths: what can be used first, then the best way first. */
export function comparePaths(a: FoundPath, b: FoundPath): number {
  return STATES[a.state] - STATES[b.state] || rankOf(a.resource) - rankOf(b.resource);
}

function rankOf(resource: string): number {
  const parsed = readResource(resource);
  return parsed ? RANK[parsed.kind] : 99;
}

/** The resource understood; undefined for what is none. */
export function readResource(resource: string): Resource | undefined {
  try {
    return parseResource(resource);
  } catch (error) {
    if (error instanceof LabError) return undefined;
    throw error;
  }
}
