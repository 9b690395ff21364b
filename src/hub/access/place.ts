import { isIPv4, isIPv6 } from 'node:net';

/**
 * The network an address stands for when tries are counted: an IPv4 address itself, the /64 of an IPv6 address (one subscriber has all of it), loopback as one.
 * `unknown` for what is no address.
 */
export function placeOf(address: string): string {
  const bare = (address.split('%')[0] ?? '').toLowerCase();
  const mapped = /^(?:0{0,4}:){2,7}(?:ffff:)?(\d+\.\d+\.\d+\.\d+)$/.exec(bare)?.[1];
  const text = mapped ?? bare;
  if (isIPv4(text)) return text.startsWith('127.') ? 'loopback' : text;
  if (!isIPv6(text)) return 'unknown';
  const groups = groupsOf(text);
  if (groups.every((group, at) => group === (at === 7 ? 1 : 0))) return 'loopback';
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) return placeOf(dotted(groups[6] ?? 0, groups[7] ?? 0));
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

/** Whether an address or the name of one is this machine's own: who is there is at the machine. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || placeOf(address) === 'loopback';
}

/** The eight groups of a valid IPv6 address. */
function groupsOf(text: string): number[] {
  const [head = '', tail] = text.split('::');
  const front = parts(head);
  if (tail === undefined) return front;
  const back = parts(tail);
  return [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
}

function parts(text: string): number[] {
  return text === '' ? [] : text.split(':').flatMap((part) => (part.includes('.') ? quad(part) : parseInt(part, 16)));
}

function quad(text: string): number[] {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  return [(a << 8) | b, (c << 8) | d];
}

function dotted(high: number, low: number): string {
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}
