import { networkInterfaces } from 'node:os';

/** An IPv4 interface that can broadcast. */
export interface BroadcastInterface {
  name: string;
  address: string;
  /** Of its network: all bits of the host part set. */
  broadcast: string;
}

/** The IPv4 networks this machine is in; not loopback, not point to point. */
export function broadcastInterfaces(interfaces = networkInterfaces()): BroadcastInterface[] {
  return Object.entries(interfaces).flatMap(([name, addresses = []]) =>
    addresses
      .filter(({ family, internal, netmask }) => family === 'IPv4' && !internal && netmask !== '255.255.255.255')
      .map(({ address, netmask }) => ({ name, address, broadcast: toText(toNumber(address) | ~toNumber(netmask)) })),
  );
}

/** Dotted IPv4 as a number. */
export function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) >>> 0;
}

export function toText(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}
