/** A date and time as read: with a zone it is an instant, without it the reading of somebody's clock on the wall. */
export interface IsoTime {
  /** ns since 1970; of a naive time as if it were UTC. */
  ns: bigint;
  /** No zone was given. */
  isNaive: boolean;
}

const ISO = /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,9}))?\s*(Z|[+-]\d{2}:?\d{2})?$/i;

/**
 * Reads ISO 8601 as Python and others write it: any number of decimals up to 9, with or without a zone. undefined for anything else, impossible dates included.
 */
export function parseIsoTime(text: unknown): IsoTime | undefined {
  if (typeof text !== 'string' || text.length > 40) return undefined;
  const match = ISO.exec(text.trim());
  if (!match) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  const date = new Date(ms);
  // A second of 60 (leap) rolls on; a 31 February is a mistake.
  if (second < 60 && (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day)) return undefined;
  const ns = BigInt(ms) * 1_000_000n + BigInt((match[7] ?? '').padEnd(9, '0'));
  const zone = match[8];
  if (zone === undefined) return { ns, isNaive: true };
  return { ns: ns - zoneNs(zone), isNaive: false };
}

function zoneNs(zone: string): bigint {
  if (zone === 'Z' || zone === 'z') return 0n;
  const digits = zone.slice(1).replace(':', '');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2, 4));
  return BigInt(zone[0] === '-' ? -minutes : minutes) * 60_000_000_000n;
}
