import { isDeepStrictEqual } from 'node:util';
import type { Resource } from '../../core/resource-shape.ts';

/**
 * Whether two resources are reached over one wire that takes one client: a raw socket under another name, two addresses of one GPIB adapter, two units of one
 * Modbus line. VXI-11 and HiSLIP take several.
 */
export function isSameWire(one: Resource, other: Resource): boolean {
  const [wire, its] = [wireOf(one), wireOf(other)];
  return wire !== undefined && wire === its;
}

/** Whether what is sent to one may reach the other: one wire, and not two addresses of one adapter or two units of one line. */
export function isSamePlace(one: Resource, other: Resource): boolean {
  if (!isSameWire(one, other)) return false;
  if (one.kind === 'prologix' && other.kind === 'prologix') {
    // Without an address the adapter itself is meant, which can reach all.
    return !one.address || !other.address || isDeepStrictEqual(one.address, other.address);
  }
  if (one.kind === 'modbus' && other.kind === 'modbus') return one.unit === other.unit;
  return true;
}

function wireOf(parsed: Resource): string | undefined {
  if (parsed.kind === 'socket') return tcpWire(parsed);
  if (parsed.kind === 'serial') return parsed.port;
  if (parsed.kind !== 'prologix' && parsed.kind !== 'modbus') return undefined;
  return parsed.line.kind === 'tcp' ? tcpWire(parsed.line) : parsed.line.port;
}

function tcpWire({ host, port }: { host: string; port: number }): string {
  const name = host.toLowerCase();
  return `${/^(localhost|\[::1\]|127(\.\d+){3})$/.test(name) ? 'here' : name}:${port}`;
}
