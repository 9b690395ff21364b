import type { GpibAddress } from '../core/resource-shape.ts';

/**
 * The command language of Prologix GPIB-ETHERNET and GPIB-USB (user manuals 1.6.6.0 and 6.107) and of AR488, which speaks it too.
 *
 *     host ──▶ adapter     `++name arguments` LF        a command of the adapter; names are lower case, one space between
 *                          data LF                      sent to the instrument, its last byte with EOI (++eoi 1)
 *     adapter ──▶ host     text CR LF                   its own answers
 *                          bytes as they come           of the instrument, and the end-of-transmission byte after EOI (++eot_enable 1)
 *
 * In data ESC, CR, LF and + are preceded by ESC; the first CR or LF without ESC ends it.
 */
export const ESC = 27;
export const LF = 10;
export const CR = 13;
const PLUS = 43;

/** What an adapter says to a command it does not know; AR488 says the same, in other words too. */
export const UNRECOGNIZED = 'Unrecognized command';

/** Which firmware answers `++ver`. */
export interface AdapterVersion {
  kind: 'prologix' | 'ar488' | 'other';
  /** The line as it came, without its end. */
  text: string;
}

/** Data for the instrument as it goes over the line, the unescaped LF at its end included. The result owns its bytes. */
export function encodeData(bytes: Uint8Array): Uint8Array {
  let extra = 0;
  for (const byte of bytes) if (isSpecial(byte)) extra++;
  const line = new Uint8Array(bytes.length + extra + 1);
  let at = 0;
  for (const byte of bytes) {
    if (isSpecial(byte)) line[at++] = ESC;
    line[at++] = byte;
  }
  line[at] = LF;
  return line;
}

/** `++addr 7`, `++addr 7 96`; a secondary address is 96…126 here, 0…30 in a resource string. */
export function addressCommand(address: GpibAddress): string {
  return `++addr ${addressArguments(address)}`;
}

/** `7`, `7 96`: as ++addr, ++spoll and ++trg take it. */
export function addressArguments({ primary, secondary }: GpibAddress): string {
  return secondary === undefined ? String(primary) : `${primary} ${secondary + 96}`;
}

/** Several commands in one piece, each ended by LF. */
export function encodeCommands(...commands: string[]): Uint8Array {
  return new TextEncoder().encode(commands.map((command) => `${command}\n`).join(''));
}

/** What `++ver` said. AR488 can be told to say anything (`++setvers`); one that calls itself Prologix is taken for one. */
export function parseVersion(line: string): AdapterVersion {
  const text = line.trim();
  if (/AR488/i.test(text)) return { kind: 'ar488', text };
  return { kind: /prologix/i.test(text) ? 'prologix' : 'other', text };
}

/** The status byte in the answer to `++spoll`; undefined if the line is none. */
export function parseStatusByte(line: string): number | undefined {
  const text = line.trim();
  if (!/^\d{1,3}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= 255 ? value : undefined;
}

/** One line of a host, as an adapter takes it. */
export type HostLine = { kind: 'command'; name: string; args: string[] } | { kind: 'data'; bytes: Uint8Array };

const EMPTY = new Uint8Array(0);

/**
 * Lines of a host out of chunks: the adapter's half. Escapes are resolved; a line that begins with an unescaped `++` is a command, also one
 * whose escaped CR or LF makes it unrecognizable. Empty lines are none. Lines are bounded; of a longer one only the first bytes are kept and
 * `isCut` is true.
 */
export class HostLines {
  readonly #limitBytes: number;
  #bytes = new Uint8Array(256);
  #length = 0;
  #isEscaped = false;
  /** Pluses without ESC at the very start. */
  #plusses = 0;
  isCut = false;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes taken for a line that has not ended. */
  get pendingBytes(): number {
    return this.#length;
  }

  *push(chunk: Uint8Array): Generator<HostLine> {
    for (const byte of chunk) {
      if (this.#isEscaped) {
        this.#isEscaped = false;
        this.#keep(byte);
      } else if (byte === ESC) this.#isEscaped = true;
      else if (byte === LF || byte === CR) {
        const line = this.#finish();
        if (line) yield line;
      } else {
        if (byte === PLUS && this.#length === this.#plusses && this.#plusses < 2) this.#plusses++;
        this.#keep(byte);
      }
    }
  }

  #keep(byte: number): void {
    if (this.#length >= this.#limitBytes) {
      this.isCut = true;
      return;
    }
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(Math.min(this.#limitBytes, this.#length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = byte;
  }

  #finish(): HostLine | undefined {
    const bytes = this.#length === 0 ? EMPTY : this.#bytes.slice(0, this.#length);
    const isCommand = this.#plusses === 2;
    this.#length = 0;
    this.#plusses = 0;
    if (bytes.length === 0) return undefined;
    if (!isCommand) return { kind: 'data', bytes };
    // Only a space separates; a CR or LF inside is part of a name nobody knows.
    const [name = '', ...args] = String.fromCharCode(...bytes.subarray(2))
      .split(' ')
      .filter((part, index) => index === 0 || part !== '');
    return { kind: 'command', name, args };
  }
}

function isSpecial(byte: number): boolean {
  return byte === ESC || byte === CR || byte === LF || byte === PLUS;
}
