import { type Clock, delay } from '../../src/core/clock.ts';
import type { SeededRandom } from '../../src/core/seeded-random.ts';
import { encodeRtu, encodeTcp } from '../../src/protocol/modbus.ts';
import type { Accept, DeviceWire } from '../../src/simulator/wire/device-wire.ts';
import type { Fault, FaultPlan } from './faulty-instrument.ts';
import type { ModbusWayName } from './modbus-way.ts';

/** What wires and firmware do to answers; a serial line does not end by itself, and only a numbered answer may come after a later one. */
export const MODBUS_FAULTS: Record<ModbusWayName, readonly Fault[]> = {
  tcp: ['delay', 'drop', 'split', 'garbage', 'order', 'hang', 'disconnect'],
  rtu: ['delay', 'drop', 'split', 'garbage', 'hang'],
};

/** A Modbus server whose answers meet faults on their way. Requests are answered in the order they come, as on a real line. */
export function acceptFaultily(way: ModbusWayName, accept: Accept, plan: FaultPlan): Accept {
  return (wire) => accept(new FaultyWire(way, wire, plan));
}

class FaultyWire implements DeviceWire {
  readonly #way: ModbusWayName;
  readonly #wire: DeviceWire;
  readonly #plan: FaultPlan;
  #held: Uint8Array | undefined;

  constructor(way: ModbusWayName, wire: DeviceWire, plan: FaultPlan) {
    this.#way = way;
    this.#wire = wire;
    this.#plan = plan;
  }

  get pendingBytes(): number {
    return this.#wire.pendingBytes;
  }

  cut(): void {
    this.#wire.cut();
  }

  async send(frame: Uint8Array): Promise<void> {
    const { random, tally, rate, faults = MODBUS_FAULTS[this.#way] } = this.#plan;
    const fault = !tally.isHealthy && random.next() < rate ? faults[random.below(faults.length)] : undefined;
    if (fault) tally.add(fault);
    if (fault === 'order' && !this.#held) {
      this.#held = frame;
      return;
    }
    await this.#deliver(frame, fault);
    const held = this.#held;
    this.#held = undefined;
    if (held) await this.#wire.send(held);
  }

  async #deliver(frame: Uint8Array, fault: Fault | undefined): Promise<void> {
    const { random, timeoutMs, clock } = this.#plan;
    switch (fault) {
      case 'drop':
        return;
      case 'delay':
      case 'hang':
        await delay(clock, random.below(timeoutMs * (fault === 'hang' ? 3 : 2)));
        return this.#wire.send(frame);
      case 'split': {
        // In pieces, one time in three with a long pause between them.
        const place = 1 + random.below(frame.length - 1);
        await this.#wire.send(frame.subarray(0, place));
        await delay(clock, random.below(3) === 0 ? random.below(timeoutMs * 2) : 1);
        return this.#wire.send(frame.subarray(place));
      }
      case 'garbage':
        return this.#way === 'tcp' ? this.#sendStrangers(frame) : this.#sendNoise(frame);
      case 'disconnect':
        if (random.below(2)) await this.#wire.send(frame.subarray(0, random.below(frame.length)));
        return this.#wire.cut();
      default:
        return this.#wire.send(frame);
    }
  }

  /** TCP keeps the bytes, so what is wrong is whole: answers with another number, of another unit, or no Modbus at all. */
  async #sendStrangers(frame: Uint8Array): Promise<void> {
    const { random } = this.#plan;
    const transaction = (frame[0] ?? 0) * 256 + (frame[1] ?? 0);
    const unit = frame[6] ?? 0;
    const pdu = spoilt(frame.subarray(7), random);
    switch (random.below(4)) {
      case 0:
        await this.#wire.send(encodeTcp((transaction - 1 - random.below(3)) & 0xffff, unit, pdu));
        return this.#wire.send(frame);
      case 1:
        await this.#wire.send(encodeTcp(transaction, unit + 1, pdu));
        return this.#wire.send(frame);
      case 2:
        return this.#wire.send(encodeTcp((transaction - 1) & 0xffff, unit, pdu));
      default:
        await this.#wire.send(noise(9, random));
        return this.#wire.send(frame);
    }
  }

  /** On a serial line: before, inside or instead of the frame, or long before it; a frame cut short; the frame of another unit before it. */
  async #sendNoise(frame: Uint8Array): Promise<void> {
    const { random, clock, timeoutMs } = this.#plan;
    const length = 1 + random.below(12);
    switch (random.below(6)) {
      case 0:
        return this.#wire.send(Buffer.concat([noise(length, random), frame]));
      case 1:
        return this.#wire.send(noise(length, random));
      case 2: {
        const place = random.below(frame.length);
        return this.#wire.send(frame.map((byte, index) => (index === place ? byte ^ (1 << random.below(8)) : byte)));
      }
      case 3:
        return this.#wire.send(frame.subarray(0, 1 + random.below(frame.length - 1)));
      case 4: {
        const stranger = encodeRtu((frame[0] ?? 0) + 1, spoilt(frame.subarray(1, -2), random));
        return this.#wire.send(Buffer.concat([stranger, frame]));
      }
      default:
        // Taken for the answer, which comes when something else has been asked.
        await this.#wire.send(noise(4 + length, random));
        await later(clock, timeoutMs, random);
        return this.#wire.send(frame);
    }
  }
}

function later(clock: Clock, timeoutMs: number, random: SeededRandom): Promise<void> {
  return delay(clock, random.below(timeoutMs * 2));
}

function noise(length: number, random: SeededRandom): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

/** The same answer with another value. */
function spoilt(pdu: Uint8Array, random: SeededRandom): Uint8Array {
  const last = pdu.length - 1;
  return pdu.map((byte, index) => (index === last ? byte ^ (1 + random.below(255)) : byte));
}
