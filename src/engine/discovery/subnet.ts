import { LabError } from '../../core/errors.ts';
import { toNumber, toText } from './broadcast-address.ts';

/** Widest subnet that is scanned: /20, 4,096 addresses. */
const FEWEST_BITS = 20;

/**
 * The host addresses of `192.168.1.0/24` (any address in it will do; /32 is one host). Network and broadcast address are left out.
 * Throws `call.invalid` for what is no IPv4 subnet or is wider than /20.
 */
export function subnetHosts(subnet: string): string[] {
  const match = /^(\d{1,3}(?:\.\d{1,3}){3})(?:\/(\d{1,2}))?$/.exec(subnet.trim());
  const bits = Number(match?.[2] ?? 32);
  const address = match?.[1] ?? '';
  if (!match || bits > 32 || address.split('.').some((part) => Number(part) > 255))
    throw new LabError(
      'call.invalid',
      `"${subnet}" is no IPv4 subnet. Nothing was scanned. Write it as 192.168.1.0/24.`,
    );
  if (bits < FEWEST_BITS)
    throw new LabError(
      'call.invalid',
      `${subnet} has more than 4,096 addresses. Nothing was scanned. Scan a part of it, /${FEWEST_BITS} at most.`,
    );
  const size = 2 ** (32 - bits);
  const first = Math.floor(toNumber(address) / size) * size;
  const isNetwork = bits <= 30;
  const from = isNetwork ? 1 : 0;
  const count = isNetwork ? size - 2 : size;
  return Array.from({ length: count }, (_, index) => toText(first + from + index));
}
