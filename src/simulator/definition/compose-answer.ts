import { isSameWord } from '../../protocol/definition/answer.ts';
import type { LampCase, Reading } from '../../protocol/definition/answer-schema.ts';

/** What a setting, a channel or a lamp wants an answer to say. */
export type Claim =
  | { kind: 'text'; part: Partial<Reading>; text: string; isSure: boolean }
  /** A row of a lamp, which is to hold or not; `shown` is what the lamp shows. */
  | { kind: 'row'; row: LampCase; mustHold: boolean; shown: string }
  /** A switch that is a bit. */
  | { kind: 'bit'; part: Partial<Reading>; on: boolean };

const OPPOSITES: readonly [string, string][] = [
  ['YES', 'NO'],
  ['ON', 'OFF'],
  ['1', '0'],
  ['TRUE', 'FALSE'],
];

/** The answer that says what all claims want of it; `booleans` is how the family writes off and on. */
export function composeAnswer(claims: readonly Claim[], booleans: readonly [string, string]): string {
  const bits = claims.flatMap((claim) => bitsOf(claim) ?? []);
  if (bits.length > 0) return composeBits(claims, bits);
  const packed = claims.filter((claim) => partOf(claim).columns !== undefined);
  if (packed.length > 0) return composeColumns(packed, booleans);
  const fields = claims.filter((claim) => partOf(claim).field !== undefined);
  if (fields.length > 0) return composeFields(fields, booleans);
  return plainText(claims, booleans);
}

/** The best of several claims to one text: a setting knows, a row that must hold tells, a row that must not leaves it open. */
function plainText(claims: readonly Claim[], booleans: readonly [string, string]): string {
  const sure = claims.find((claim) => claim.kind === 'text' && claim.isSure);
  if (sure?.kind === 'text') return sure.text;
  const holding = claims.find((claim) => claim.kind === 'row' && claim.mustHold);
  if (holding?.kind === 'row') return textOf(holding.row, true, holding.shown, booleans);
  const [first] = claims;
  if (first?.kind === 'text') return first.text;
  return first?.kind === 'row' ? textOf(first.row, false, first.shown, booleans) : booleans[0];
}

function textOf(row: LampCase, isHeld: boolean, shown: string, booleans: readonly [string, string]): string {
  const { is, words } = row;
  if (words) {
    const found = Object.entries(words).find(([, text]) => text === shown);
    return (isHeld ? found?.[0] : undefined) ?? Object.keys(words)[0] ?? '';
  }
  if (typeof is === 'boolean') return booleans[is === isHeld ? 1 : 0];
  if (is === undefined) return shown === '' ? '0' : shown;
  const word = [is].flat()[0] ?? '';
  if (isHeld) return word;
  const pair = OPPOSITES.find((one) => one.some((known) => isSameWord(known, word)));
  return pair?.find((known) => !isSameWord(known, word)) ?? '0';
}

interface Bits {
  mask: bigint;
  value: bigint;
  isHeld: boolean;
}

/** The bits a claim sets (or wants clear); undefined: it is no matter of bits. */
function bitsOf(claim: Claim): Bits | undefined {
  if (claim.kind === 'bit') return wanted(claim.part, claim.on);
  if (claim.kind !== 'row') return undefined;
  const { row, mustHold, shown } = claim;
  if (row.flags) {
    const on = shown.split(' ');
    const set = Object.entries(row.flags).filter(([, name]) => mustHold && on.includes(name));
    return { mask: 0n, value: set.reduce((sum, [bit]) => sum | (1n << BigInt(bit)), 0n), isHeld: mustHold };
  }
  return row.bit === undefined && row.mask === undefined ? undefined : wanted(row, mustHold);
}

function wanted({ bit, mask = 0, equals }: Partial<Reading>, isHeld: boolean): Bits {
  const all = bit === undefined ? BigInt(mask) : 1n << BigInt(bit);
  if (equals === undefined) return { mask: all, value: isHeld ? all & -all : 0n, isHeld };
  if (isHeld) return { mask: all, value: BigInt(equals), isHeld };
  // Anything else than `equals`: nothing set, or all.
  return { mask: 0n, value: equals === 0 ? all : 0n, isHeld };
}

function composeBits(claims: readonly Claim[], bits: readonly Bits[]): string {
  // First what must not be, then what must: a pattern of several bits is written whole.
  const inOrder = [...bits.filter(({ isHeld }) => !isHeld), ...bits.filter(({ isHeld }) => isHeld)];
  const value = inOrder.reduce((sum, one) => (sum & ~one.mask) | one.value, 0n);
  const base = claims.map((claim) => partOf(claim).base).find((one) => one !== undefined);
  if (base === 'byte') return String.fromCharCode(Number(value & 0xffn));
  return base === 'hex' ? `0x${value.toString(16)}` : String(value);
}

function composeFields(claims: readonly Claim[], booleans: readonly [string, string]): string {
  const separator = claims.map((claim) => partOf(claim).separator).find((one) => one !== undefined) ?? ',';
  const last = Math.max(...claims.map((claim) => partOf(claim).field ?? 1));
  const fields = Array.from({ length: last }, (_, index) => {
    const own = claims.filter((claim) => partOf(claim).field === index + 1);
    return own.length > 0 ? plainText(own, booleans) : '0';
  });
  return fields.join(separator);
}

/** `360100`: each part in its columns, with zeros in front. */
function composeColumns(claims: readonly Claim[], booleans: readonly [string, string]): string {
  const columnsOf = (claim: Claim): [number, number] => partOf(claim).columns ?? [1, 1];
  const text = Array.from({ length: Math.max(...claims.map((claim) => columnsOf(claim)[1])) }, () => '0');
  for (const [first, last] of claims.map(columnsOf)) {
    const own = claims.filter((claim) => columnsOf(claim)[0] === first);
    const width = last - first + 1;
    text.splice(first - 1, width, ...plainText(own, booleans).padStart(width, '0').slice(-width));
  }
  return text.join('');
}

function partOf(claim: Claim): Partial<Reading> {
  return claim.kind === 'row' ? claim.row : claim.part;
}
