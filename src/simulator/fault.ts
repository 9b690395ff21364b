import { z } from 'zod';
import { type Clock, delay } from '../core/clock.ts';
import type { Random } from './random.ts';
import type { DeviceWire } from './wire/device-wire.ts';

/** How a simulated instrument can misbehave; one knob at a time. */
export const fault = z.object({
  /**
   * delay: the reply comes `delayMs` late · drop: it never comes · split: byte by byte · garbage: line noise before it ·
   * wrong-order: it comes after the next one · hang: nothing works until cleared · disconnect: the connection is cut instead ·
   * null: no fault.
   */
  kind: z.enum(['delay', 'drop', 'split', 'garbage', 'wrong-order', 'hang', 'disconnect']).nullable(),
  /** How often: 0…1 of the replies. */
  probability: z.number().min(0).max(1).default(1),
  /** How many times at most; null: until cleared. */
  count: z.int().positive().nullable().default(null),
  delayMs: z.number().nonnegative().max(600_000).default(0),
});
export type Fault = z.infer<typeof fault>;
export type FaultInput = z.input<typeof fault>;

/** Splitting goes that far; the rest of a long block comes in one piece, else one waveform takes minutes. */
const MAX_SPLIT_BYTES = 4096;

/** What became of a reply; kept in the ledger. */
export type Fate = 'sent' | 'delayed' | 'dropped' | 'split' | 'garbled' | 'swapped' | 'hung' | 'cut';

/** The knob of one instrument. Replies of all its connections go through `deliver`. */
export class FaultGate {
  readonly #random: Random;
  readonly #clock: Clock;
  #fault: Fault = fault.parse({ kind: null });
  #left = 0;
  #release: (() => void) | undefined;
  #cleared: Promise<void> = Promise.resolve();
  readonly #held = new WeakMap<DeviceWire, Uint8Array>();

  constructor(random: Random, clock: Clock) {
    this.#random = random;
    this.#clock = clock;
  }

  get kind(): Fault['kind'] {
    return this.#fault.kind;
  }

  set(setting: FaultInput): void {
    this.#release?.();
    this.#release = undefined;
    this.#fault = fault.parse(setting);
    this.#left = this.#fault.count ?? Number.POSITIVE_INFINITY;
    if (this.#fault.kind === 'hang') {
      this.#cleared = new Promise((resolve) => {
        this.#release = resolve;
      });
    }
  }

  /** Waits while the instrument hangs; it then goes on with what it has, as real ones do. */
  async whileHung(): Promise<void> {
    await this.#cleared;
  }

  /** Whether the fault strikes now; counts it. */
  #strikes(): boolean {
    if (this.#fault.kind === null || this.#left <= 0 || this.#random.next() >= this.#fault.probability) return false;
    this.#left--;
    return true;
  }

  /** Sends a reply, or does to it what the knob says. */
  async deliver(wire: DeviceWire, bytes: Uint8Array): Promise<Fate> {
    if (this.#fault.kind === 'hang') {
      await this.#cleared;
      await wire.send(bytes);
      wire.replyEnds?.();
      return 'hung';
    }
    const held = this.#held.get(wire);
    this.#held.delete(wire);
    const fate = held || !this.#strikes() ? 'sent' : await this.#misbehave(wire, bytes);
    if (fate === 'sent') await wire.send(bytes);
    wire.replyEnds?.();
    if (held) {
      await wire.send(held);
      wire.replyEnds?.();
    }
    return fate;
  }

  async #misbehave(wire: DeviceWire, bytes: Uint8Array): Promise<Fate> {
    switch (this.#fault.kind) {
      case 'delay':
        await delay(this.#clock, this.#fault.delayMs);
        await wire.send(bytes);
        return 'delayed';
      case 'drop':
        return 'dropped';
      case 'split':
        await this.#sendSplit(wire, bytes);
        return 'split';
      case 'garbage':
        await wire.send(this.#noise());
        await wire.send(bytes);
        return 'garbled';
      case 'wrong-order':
        this.#held.set(wire, bytes);
        return 'swapped';
      case 'disconnect':
        wire.cut();
        return 'cut';
      default:
        return 'sent';
    }
  }

  async #sendSplit(wire: DeviceWire, bytes: Uint8Array): Promise<void> {
    const single = Math.min(bytes.length, MAX_SPLIT_BYTES);
    for (let i = 0; i < single; i++) {
      await wire.send(bytes.subarray(i, i + 1));
      // A turn of the loop between them, so that the system does not join them again.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    if (single < bytes.length) await wire.send(bytes.subarray(single));
  }

  /** Line noise: bytes that are no text. Never digits: noise that looks like a reading could not be told from one by anybody. */
  #noise(): Uint8Array {
    const bytes = new Uint8Array(1 + this.#random.integer(24));
    for (let i = 0; i < bytes.length; i++) {
      const kind = this.#random.next();
      bytes[i] = kind < 0.1 ? 0x0a : kind < 0.4 ? this.#random.integer(9) : 0x80 + this.#random.integer(0x80);
    }
    return bytes;
  }
}
