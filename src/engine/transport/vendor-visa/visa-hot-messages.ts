import { VISA_LIMITS, type VisaAnswer, type VisaRequest, visaAnswer, visaRequest } from './visa-messages.ts';

type Fields = Record<string, unknown>;

const ENDINGS: readonly unknown[] = ['end', 'term-char', 'count', 'stopped'];

/**
 * A request, checked; undefined: it is none. The messages of a query are looked at by hand, in a tenth of the schemas' time: what is let through so is
 * what they let through, unchanged. Nothing is refused by hand; the rest is for the schemas to judge.
 */
export function readVisaRequest(message: unknown): VisaRequest | undefined {
  if (isHotRequest(message)) return message;
  const parsed = visaRequest.safeParse(message);
  return parsed.success ? parsed.data : undefined;
}

/** An answer, checked like a request; undefined: it is none. */
export function readVisaAnswer(message: unknown): VisaAnswer | undefined {
  if (isHotAnswer(message)) return message;
  const parsed = visaAnswer.safeParse(message);
  return parsed.success ? parsed.data : undefined;
}

/** A write or a read, and no field more than those have. */
function isHotRequest(message: unknown): message is VisaRequest {
  if (!isPlain(message) || !isInteger(message.id)) return false;
  const { request } = message;
  if (!isPlain(request) || !isWithin(request.session, 0, Number.MAX_SAFE_INTEGER)) return false;
  if (request.call !== 'write' && request.call !== 'read') return false;
  return (request.call === 'write' ? isWrite(request) : isRead(request, 4)) && sizeOf(message) === 2;
}

function isWrite(fields: Fields): boolean {
  const { bytes, end, timeoutMs, tries, answer } = fields;
  if (!(bytes instanceof Uint8Array) || typeof end !== 'boolean') return false;
  if (!isWithin(timeoutMs, 0, VISA_LIMITS.milliseconds) || !isWithin(tries, 1, VISA_LIMITS.tries)) return false;
  if (answer === undefined) return sizeOf(fields) === 6;
  return isPlain(answer) && isInteger(answer.id) && isRead(answer, 3) && sizeOf(fields) === 7;
}

/** `size`: its fields without a termination character. */
function isRead(fields: Fields, size: number): boolean {
  const { max, termChar, sliceMs } = fields;
  if (!isWithin(max, 1, VISA_LIMITS.readBytes) || !isWithin(sliceMs, 0, VISA_LIMITS.milliseconds)) return false;
  return termChar === undefined ? sizeOf(fields) === size : isWithin(termChar, 0, 255) && sizeOf(fields) === size + 1;
}

/** Nothing, or what a read brought. */
function isHotAnswer(message: unknown): message is VisaAnswer {
  if (!isPlain(message) || message.kind !== 'done' || !isInteger(message.id)) return false;
  const { value, written } = message;
  if (written === undefined ? sizeOf(message) !== 3 : !isInteger(written) || sizeOf(message) !== 4) return false;
  if (!isPlain(value)) return false;
  const size = sizeOf(value);
  if (size === 0) return true;
  return size === 2 && value.bytes instanceof Uint8Array && ENDINGS.includes(value.ended);
}

/** An object as the channel makes them: no list, no class. */
function isPlain(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function isWithin(value: unknown, min: number, max: number): boolean {
  return isInteger(value) && value >= min && value <= max;
}

function sizeOf(fields: Fields): number {
  return Object.keys(fields).length;
}
