/**
 * Modbus (MODBUS Application Protocol V1.1b3, MODBUS over Serial Line V1.02): a request of one function, its answer, and both framings.
 *
 *     RTU    unit · function · data · CRC-16, low byte first          no length: it follows from the function
 *     TCP    transaction u16 · 0 u16 · length u16 · unit · function · data
 *
 * All numbers are big endian. An answer whose function has bit 7 set is an exception with one byte of reason.
 */
export type ModbusTable = 'coil' | 'discrete' | 'holding' | 'input';

export type ModbusRequest =
  | { kind: 'read'; table: ModbusTable; start: number; count: number }
  | { kind: 'write'; table: 'coil' | 'holding'; start: number; values: number[] }
  /** Function 43/14, the three basic objects. */
  | { kind: 'identify' }
  /** Function 8/0: the device sends the same back. */
  | { kind: 'echo'; value: number };

export type ModbusAnswer =
  | { kind: 'values'; values: number[] }
  | { kind: 'done' }
  /** Objects 0 maker, 1 product code, 2 revision, and what else came. */
  | { kind: 'identity'; objects: Map<number, string> }
  | { kind: 'exception'; code: number };

export const READ_FUNCTIONS: Record<ModbusTable, number> = { coil: 1, discrete: 2, holding: 3, input: 4 };
/** Most that one request may read (6.1 to 6.4) and write (6.11, 6.12). */
export const READ_LIMITS: Record<ModbusTable, number> = { coil: 2000, discrete: 2000, holding: 125, input: 125 };
export const WRITE_LIMITS = { coil: 1968, holding: 123 };

/** Longest frame: 256 bytes RTU. */
export const MAX_RTU_BYTES = 256;
const EXCEPTION = 0x80;

const EXCEPTIONS: Record<number, string> = {
  1: 'illegal function: the device does not have this kind of request',
  2: 'illegal address: the device has no such register',
  3: 'illegal value: the device does not take this value or count',
  4: 'device failure: the device could not carry it out',
  5: 'acknowledge: the device needs long for it; look again later',
  6: 'busy: the device is busy with something long; ask again later',
  8: 'memory parity error in the device',
  10: 'gateway path unavailable: the gateway is not set up for this unit',
  11: 'gateway target silent: no device with this unit number answers behind the gateway',
};

/** Exception codes of section 7, in words. */
export function exceptionText(code: number): string {
  return `exception ${code}, ${EXCEPTIONS[code] ?? 'which the standard does not name'}`;
}

export function functionOf(request: ModbusRequest): number {
  switch (request.kind) {
    case 'read':
      return READ_FUNCTIONS[request.table];
    case 'write': {
      const isSingle = request.values.length === 1;
      if (request.table === 'coil') return isSingle ? 5 : 15;
      return isSingle ? 6 : 16;
    }
    case 'identify':
      return 43;
    case 'echo':
      return 8;
  }
}

/** Function and data; without unit and frame. */
export function encodeRequest(request: ModbusRequest): Uint8Array {
  const code = functionOf(request);
  switch (request.kind) {
    case 'read': {
      const { start, count } = request;
      return Uint8Array.of(code, start >>> 8, start, count >>> 8, count);
    }
    case 'write': {
      const { start, values, table } = request;
      const [first = 0] = values;
      if (code === 5) return bytes(code, ...word(start), ...word(first === 0 ? 0 : 0xff00));
      if (code === 6) return bytes(code, ...word(start), ...word(first));
      const data = table === 'coil' ? packBits(values) : values.flatMap(word);
      return bytes(code, ...word(start), ...word(values.length), data.length, ...data);
    }
    case 'identify':
      return bytes(code, 14, 1, 0);
    case 'echo':
      return bytes(code, 0, 0, ...word(request.value));
  }
}

/**
 * The answer in function and data of a device; undefined: it is none to this request (another function, count, address or value).
 */
export function decodeAnswer(request: ModbusRequest, pdu: Uint8Array): ModbusAnswer | undefined {
  const code = functionOf(request);
  if (pdu[0] === (code | EXCEPTION)) return pdu.length === 2 ? { kind: 'exception', code: at(pdu, 1) } : undefined;
  if (pdu[0] !== code) return undefined;
  switch (request.kind) {
    case 'read': {
      const isBits = request.table === 'coil' || request.table === 'discrete';
      const size = isBits ? Math.ceil(request.count / 8) : request.count * 2;
      if (pdu.length !== size + 2 || pdu[1] !== size) return undefined;
      const data = pdu.subarray(2);
      const values: number[] = [];
      for (let index = 0; index < request.count; index++) {
        values.push(isBits ? (at(data, index >> 3) >> (index & 7)) & 1 : wordAt(data, index * 2));
      }
      return { kind: 'values', values };
    }
    case 'write':
      return same(pdu, encodeRequest(request).subarray(0, 5)) ? { kind: 'done' } : undefined;
    case 'identify':
      return decodeIdentity(pdu);
    case 'echo':
      return same(pdu, encodeRequest(request)) ? { kind: 'done' } : undefined;
  }
}

function decodeIdentity(pdu: Uint8Array): ModbusAnswer | undefined {
  if (pdu[1] !== 14 || pdu.length < 7) return undefined;
  const objects = new Map<number, string>();
  let place = 7;
  for (let left = at(pdu, 6); left > 0; left--) {
    const end = place + 2 + at(pdu, place + 1);
    if (place + 2 > pdu.length || end > pdu.length) return undefined;
    objects.set(at(pdu, place), String.fromCharCode(...pdu.subarray(place + 2, end)));
    place = end;
  }
  return place === pdu.length ? { kind: 'identity', objects } : undefined;
}

/** CRC-16 of MODBUS over Serial Line 6.2.2. Check: "123456789" → 0x4B37. */
export function crc16(data: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
  }
  return crc;
}

export function encodeRtu(unit: number, pdu: Uint8Array): Uint8Array {
  const frame = new Uint8Array(pdu.length + 3);
  frame[0] = unit;
  frame.set(pdu, 1);
  const crc = crc16(frame.subarray(0, -2));
  frame[pdu.length + 1] = crc & 0xff;
  frame[pdu.length + 2] = crc >>> 8;
  return frame;
}

/** Whether the last two bytes are the CRC of those before. */
export function isWholeRtu(frame: Uint8Array): boolean {
  if (frame.length < 4) return false;
  const crc = crc16(frame.subarray(0, -2));
  return frame[frame.length - 2] === (crc & 0xff) && frame[frame.length - 1] === crc >>> 8;
}

/**
 * Length of the answer that begins with these bytes, CRC included; undefined: not enough of it has come; 0: no function whose length is known.
 */
export function rtuAnswerLength(frame: Uint8Array): number | undefined {
  if (frame.length < 3) return undefined;
  const code = at(frame, 1);
  if (code & EXCEPTION) return 5;
  if (code >= 1 && code <= 4) return 5 + at(frame, 2);
  if (code === 5 || code === 6 || code === 15 || code === 16 || code === 8) return 8;
  return code === 43 ? identityLength(frame) : 0;
}

function identityLength(frame: Uint8Array): number | undefined {
  if (frame.length < 8) return undefined;
  let place = 8;
  for (let left = at(frame, 7); left > 0; left--) {
    if (place + 2 > frame.length) return undefined;
    place += 2 + at(frame, place + 1);
  }
  return place + 2;
}

/** Length of the request that begins with these bytes, CRC included, as a device counts; undefined: more must come; 0: unknown function. */
export function rtuRequestLength(frame: Uint8Array): number | undefined {
  if (frame.length < 2) return undefined;
  const code = at(frame, 1);
  if ((code >= 1 && code <= 6) || code === 8) return 8;
  if (code === 43) return 7;
  if (code !== 15 && code !== 16) return 0;
  return frame.length < 7 ? undefined : 9 + at(frame, 6);
}

export function encodeTcp(transaction: number, unit: number, pdu: Uint8Array): Uint8Array {
  const frame = new Uint8Array(pdu.length + 7);
  const length = pdu.length + 1;
  frame[0] = transaction >>> 8;
  frame[1] = transaction;
  frame[4] = length >>> 8;
  frame[5] = length;
  frame[6] = unit;
  frame.set(pdu, 7);
  return frame;
}

export interface TcpFrame {
  transaction: number;
  unit: number;
  pdu: Uint8Array;
  /** Bytes of the whole frame. */
  length: number;
}

/** The frame at the start of these bytes; undefined: more must come; 'malformed': no Modbus/TCP header. */
export function decodeTcp(data: Uint8Array): TcpFrame | 'malformed' | undefined {
  if (data.length < 7) return undefined;
  const length = wordAt(data, 4);
  if (wordAt(data, 2) !== 0 || length < 2 || length > 254) return 'malformed';
  if (data.length < 6 + length) return undefined;
  return { transaction: wordAt(data, 0), unit: at(data, 6), pdu: data.subarray(7, 6 + length), length: 6 + length };
}

/** Bits as registers of coils carry them: the first in bit 0. */
export function packBits(values: readonly number[]): number[] {
  const data = new Array<number>(Math.ceil(values.length / 8)).fill(0);
  values.forEach((value, index) => {
    if (value !== 0) data[index >> 3] = (data[index >> 3] ?? 0) | (1 << (index & 7));
  });
  return data;
}

export function wordAt(data: Uint8Array, place: number): number {
  return (at(data, place) << 8) | at(data, place + 1);
}

export function word(value: number): [number, number] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

function at(data: Uint8Array, place: number): number {
  return data[place] ?? 0;
}

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

function same(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
