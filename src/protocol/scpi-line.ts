import type { ByteQueue } from '../core/byte-queue.ts';
import { LabError } from '../core/errors.ts';

/** How replies end: LF (a CR before it is stripped, so CRLF too), or CR alone (a LF after it is skipped). */
export type ReadTermination = 'lf' | 'cr';

export interface ScpiLineOptions {
  /** Default 'lf'. */
  termination?: ReadTermination | undefined;
  /** Most bytes before the terminator; default 1 MiB. */
  maxLineBytes?: number | undefined;
  /** The way said END (488.1 EOI, USBTMC EOM): what waits is the whole line. */
  isEnd?: boolean | undefined;
}

export const MAX_LINE_BYTES = 1024 * 1024;

const LF = 10;
const CR = 13;

/**
 * Takes one line, without its terminator, as text (one character per byte, ISO 8859-1: µ and ° of some makers survive).
 * `undefined`: the terminator has not come yet. Throws `protocol.too-long`; the queue is then unchanged, the caller quarantines the wire.
 */
export function takeScpiLine(queue: ByteQueue, options: ScpiLineOptions = {}): string | undefined {
  const isCr = options.termination === 'cr';
  const maxBytes = options.maxLineBytes ?? MAX_LINE_BYTES;
  while (queue.peek() === (isCr ? LF : CR)) queue.skip(1);
  let end = queue.indexOf(isCr ? CR : LF);
  if (end < 0 && options.isEnd) end = queue.length;
  if (end > maxBytes || (end < 0 && queue.length > maxBytes)) {
    throw new LabError(
      'protocol.too-long',
      `More than ${maxBytes} bytes came without a ${isCr ? 'CR' : 'LF'}; nothing of it can be used. ` +
        'Check the termination character and the baud rate, or raise maxLineBytes for this instrument.',
      { maxLineBytes: maxBytes, waitingBytes: queue.length },
    );
  }
  if (end < 0) return undefined;
  const text = decodeLatin1(queue.view(end) ?? EMPTY, isCr ? 0 : CR);
  queue.skip(end + 1);
  return text;
}

/** Text of bytes, one character a byte; `strip` (0: none) is left out at the end. */
export function decodeLatin1(bytes: Uint8Array, strip = 0): string {
  let length = bytes.length;
  while (strip !== 0 && length > 0 && bytes[length - 1] === strip) length--;
  if (length <= CHUNK) return String.fromCharCode.apply(null, bytes.subarray(0, length) as unknown as number[]);
  let text = '';
  for (let at = 0; at < length; at += CHUNK) {
    text += String.fromCharCode.apply(null, bytes.subarray(at, Math.min(length, at + CHUNK)) as unknown as number[]);
  }
  return text;
}

/**
 * Whether a reply is a response message of IEEE 488.2 section 8.7: outside quoted strings only printable ASCII and TAB.
 * Line noise and a wrong baud rate fail here; a number with a bit error in a digit cannot be told.
 */
export function isResponseText(text: string): boolean {
  if (PLAIN.test(text)) return true;
  return PLAIN.test(text.replace(QUOTED, ''));
}

/** Whether a command will be answered: a header of it ends with `?` (488.2 7.3), outside quoted strings. */
export function isQuery(command: string): boolean {
  if (!command.includes('?')) return false;
  return command
    .replace(QUOTED, '')
    .split(';')
    .some((unit) => /^\s*\S*\?/.test(unit));
}

/** The answers of a compound query (488.2 8.4: joined by `;`), split outside quoted strings and trimmed. */
export function splitResponse(text: string): string[] {
  if (!text.includes('"') && !text.includes("'")) return text.split(';').map((part) => part.trim());
  const parts = text.match(/(?:"[^"]*"|'[^']*'|[^;"'])+|(?<=;|^)(?=;|$)/g) ?? [''];
  return parts.map((part) => part.trim());
}

const EMPTY = new Uint8Array(0);
const CHUNK = 8192;
const PLAIN = /^[\t\x20-\x7e]*$/;
const QUOTED = /"(?:[\t !\x23-\x7e\xa0-\xff]|"")*"|'(?:[\t -&\x28-\x7e\xa0-\xff]|'')*'/g;
