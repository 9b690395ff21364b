import {
  decodeTcp,
  encodeRtu,
  encodeTcp,
  isWholeRtu,
  MAX_RTU_BYTES,
  packBits,
  READ_LIMITS,
  rtuRequestLength,
  WRITE_LIMITS,
  word,
  wordAt,
} from '../../protocol/modbus.ts';
import type { Fate, FaultGate } from '../fault.ts';
import type { ExchangeNotes } from '../ledger.ts';
import type { Accept, DeviceConnection, DeviceWire } from './device-wire.ts';

/** Registers of one unit. A read or write that gives undefined or false is exception 2 (no such address); a thrown `ModbusRefusal` is its code. */
export interface ModbusUnit {
  readHolding?(address: number): number | undefined;
  readInput?(address: number): number | undefined;
  readCoil?(address: number): boolean | undefined;
  readDiscrete?(address: number): boolean | undefined;
  writeHolding?(address: number, value: number): boolean;
  writeCoil?(address: number, value: boolean): boolean;
  /** Objects of device identification (43/14): maker, product code, revision; absent: exception 1. */
  identity?: readonly string[];
  /** Functions that are not even answered with an exception. */
  ignores?: ReadonlySet<number>;
}

export class ModbusRefusal extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`Modbus exception ${code}`);
    this.code = code;
  }
}

/** What the line does to answers; may be changed at any time. */
export interface ModbusKnobs {
  delayMs: number;
  /** Answers that still vanish. */
  dropAnswers: number;
  /** Answers whose checksum is still wrong. */
  breakAnswers: number;
}

export interface ModbusServer {
  /** RTU frames, on a serial line. */
  readonly acceptRtu: Accept;
  /** Modbus/TCP. */
  readonly acceptTcp: Accept;
  readonly knobs: ModbusKnobs;
  /** Requests so far, oldest first: unit, function and data; the last 1000. */
  readonly requests: readonly { unit: number; pdu: Uint8Array }[];
}

const MAX_REQUESTS = 1000;

/** The fault knob and the ledgers of the instrument, where it is one of a bench. */
export interface ModbusPort {
  gate: FaultGate;
  /** By way; messages are noted as hexadecimal digits: unit, function and data. */
  ledger(way: 'modbus-rtu' | 'modbus-tcp'): ExchangeNotes | undefined;
}

/** Units on one line, by their number. Nobody answers for others. */
export function createModbusServer(units: ReadonlyMap<number, ModbusUnit>, port?: ModbusPort): ModbusServer {
  const knobs: ModbusKnobs = { delayMs: 0, dropAnswers: 0, breakAnswers: 0 };
  const requests: { unit: number; pdu: Uint8Array }[] = [];
  const answer = (unit: number, pdu: Uint8Array): Uint8Array | undefined => {
    requests.push({ unit, pdu: Uint8Array.from(pdu) });
    if (requests.length > MAX_REQUESTS) requests.shift();
    const device = units.get(unit);
    if (!device || device.ignores?.has(pdu[0] ?? 0)) return undefined;
    try {
      return respond(device, pdu);
    } catch (error) {
      if (error instanceof ModbusRefusal) return Uint8Array.of((pdu[0] ?? 0) | 0x80, error.code);
      throw error;
    }
  };
  const deliver = async (wire: DeviceWire, frame: Uint8Array): Promise<void> => {
    if (knobs.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, knobs.delayMs));
    if (knobs.dropAnswers > 0) {
      knobs.dropAnswers--;
      return;
    }
    const isBroken = knobs.breakAnswers > 0;
    if (isBroken) knobs.breakAnswers--;
    const last = frame.length - 1;
    await wire.send(isBroken ? frame.map((byte, index) => (index === last ? byte ^ 0x55 : byte)) : frame);
  };
  const serving = (wire: DeviceWire, notes: ExchangeNotes | undefined, answersAll: boolean): Serve => {
    return async (unit, pdu, frameOf) => {
      await port?.gate.whileHung();
      const query = notes ? hexOf(unit, pdu) : '';
      const reply = answer(unit, pdu);
      if (!reply || (unit === 0 && !answersAll)) {
        notes?.write(query, undefined, 'sent');
        return;
      }
      const frame = frameOf(reply);
      let fate: Fate = 'sent';
      if (port) fate = await port.gate.deliver(wire, frame);
      else await deliver(wire, frame);
      notes?.write(query, Buffer.from(hexOf(unit, reply)), fate);
    };
  };
  return {
    knobs,
    requests,
    // Unit 0 is all units of the line, and none answers.
    acceptRtu: (wire) => new RtuConnection(serving(wire, port?.ledger('modbus-rtu'), false)),
    acceptTcp: (wire) => new TcpConnection(wire, serving(wire, port?.ledger('modbus-tcp'), true)),
  };
}

/** Carries a request out and sends the answer, if there is one, in the frame of the way. */
type Serve = (unit: number, pdu: Uint8Array, frameOf: (pdu: Uint8Array) => Uint8Array) => Promise<void>;

function hexOf(unit: number, pdu: Uint8Array): string {
  return Buffer.from([unit, ...pdu]).toString('hex');
}

class RtuConnection implements DeviceConnection {
  readonly #serve: Serve;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(serve: Serve) {
    this.#serve = serve;
  }

  async receive(chunk: Uint8Array): Promise<void> {
    this.#bytes = join(this.#bytes, chunk);
    for (;;) {
      const length = rtuRequestLength(this.#bytes);
      // What is no request is thrown away; a real device waits for 3.5 characters of silence.
      if (length === 0 || this.#bytes.length > MAX_RTU_BYTES * 4) this.#bytes = new Uint8Array(0);
      if (!length || this.#bytes.length < length) return;
      const frame = this.#bytes.slice(0, length);
      if (!isWholeRtu(frame)) {
        this.#bytes = new Uint8Array(0);
        return;
      }
      this.#bytes = this.#bytes.slice(length);
      const unit = frame[0] ?? 0;
      await this.#serve(unit, frame.subarray(1, -2), (pdu) => encodeRtu(unit, pdu));
    }
  }

  closed(): void {}
}

class TcpConnection implements DeviceConnection {
  readonly #wire: DeviceWire;
  readonly #serve: Serve;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(wire: DeviceWire, serve: Serve) {
    this.#wire = wire;
    this.#serve = serve;
  }

  async receive(chunk: Uint8Array): Promise<void> {
    this.#bytes = join(this.#bytes, chunk);
    for (let frame = decodeTcp(this.#bytes); frame; frame = decodeTcp(this.#bytes)) {
      if (frame === 'malformed') {
        this.#wire.cut();
        return;
      }
      this.#bytes = this.#bytes.slice(frame.length);
      const { transaction, unit } = frame;
      await this.#serve(unit, frame.pdu, (pdu) => encodeTcp(transaction, unit, pdu));
    }
  }

  closed(): void {}
}

function respond(device: ModbusUnit, pdu: Uint8Array): Uint8Array {
  const code = pdu[0] ?? 0;
  const start = wordAt(pdu, 1);
  const second = wordAt(pdu, 3);
  switch (code) {
    case 1:
      return bits(code, start, second, device.readCoil);
    case 2:
      return bits(code, start, second, device.readDiscrete);
    case 3:
      return words(code, start, second, device.readHolding);
    case 4:
      return words(code, start, second, device.readInput);
    case 5:
      if (second !== 0 && second !== 0xff00) throw new ModbusRefusal(3);
      put(
        start,
        [second === 0 ? 0 : 1],
        device.writeCoil && ((address, value) => device.writeCoil?.(address, value === 1)),
      );
      return pdu;
    case 6:
      put(start, [second], device.writeHolding && ((address, value) => device.writeHolding?.(address, value)));
      return pdu;
    case 8:
      if (start !== 0) throw new ModbusRefusal(3);
      return pdu;
    case 15: {
      check(second, WRITE_LIMITS.coil, pdu[5] === Math.ceil(second / 8) && pdu.length === 6 + pdu[5]);
      const values = Array.from({ length: second }, (_, index) => ((pdu[6 + (index >> 3)] ?? 0) >> (index & 7)) & 1);
      put(start, values, device.writeCoil && ((address, value) => device.writeCoil?.(address, value === 1)));
      return pdu.subarray(0, 5);
    }
    case 16: {
      check(second, WRITE_LIMITS.holding, pdu[5] === second * 2 && pdu.length === 6 + second * 2);
      const values = Array.from({ length: second }, (_, index) => wordAt(pdu, 6 + index * 2));
      put(start, values, device.writeHolding && ((address, value) => device.writeHolding?.(address, value)));
      return pdu.subarray(0, 5);
    }
    case 43:
      return identify(device, pdu);
    default:
      throw new ModbusRefusal(1);
  }
}

function words(
  code: number,
  start: number,
  count: number,
  read: ((address: number) => number | undefined) | undefined,
): Uint8Array {
  if (!read) throw new ModbusRefusal(1);
  check(count, READ_LIMITS.holding, true);
  const values = Array.from({ length: count }, (_, index) => found(read(start + index)));
  return Uint8Array.of(code, count * 2, ...values.flatMap(word));
}

function bits(
  code: number,
  start: number,
  count: number,
  read: ((address: number) => boolean | undefined) | undefined,
): Uint8Array {
  if (!read) throw new ModbusRefusal(1);
  check(count, READ_LIMITS.coil, true);
  const data = packBits(Array.from({ length: count }, (_, index) => (found(read(start + index)) ? 1 : 0)));
  return Uint8Array.of(code, data.length, ...data);
}

function put(
  start: number,
  values: readonly number[],
  write: ((address: number, value: number) => boolean | undefined) | undefined,
): void {
  if (!write) throw new ModbusRefusal(1);
  values.forEach((value, index) => {
    if (!write(start + index, value)) throw new ModbusRefusal(2);
  });
}

function identify({ identity }: ModbusUnit, pdu: Uint8Array): Uint8Array {
  if (!identity || pdu[1] !== 14) throw new ModbusRefusal(1);
  const objects = identity.flatMap((text, id) => [id, text.length, ...Buffer.from(text, 'latin1')]);
  return Uint8Array.of(43, 14, 1, 1, 0, 0, identity.length, ...objects);
}

function check(count: number, most: number, isRight: boolean): void {
  if (count < 1 || count > most || !isRight) throw new ModbusRefusal(3);
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new ModbusRefusal(2);
  return value;
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
