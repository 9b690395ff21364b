import type { Clock } from '../../src/core/clock.ts';
import type { SeededRandom } from '../../src/core/seeded-random.ts';

/** Where the instrument's bytes go: one connection or line. */
export interface Outlet {
  send(bytes: Uint8Array): void;
  hangUp(): void;
}

export type Fault = 'delay' | 'drop' | 'split' | 'garbage' | 'order' | 'hang' | 'disconnect';

const FAULTS: readonly Fault[] = ['delay', 'drop', 'split', 'garbage', 'order', 'hang', 'disconnect'];

/** What was done so far, over all connections of one run. */
export class FaultTally {
  readonly counts = new Map<Fault, number>(FAULTS.map((fault) => [fault, 0]));
  /** No more faults. */
  isHealthy = false;

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  add(fault: Fault): void {
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1);
  }
}

export interface FaultPlan {
  clock: Clock;
  random: SeededRandom;
  tally: FaultTally;
  /** Share of answers that meet a fault. */
  rate: number;
  faults?: readonly Fault[];
  /** Garbage is always noise that no text holds; else it is readable now and then, and only the form of the answer gives it away. */
  isNoiseUnreadable?: boolean;
  /** Delays and hangs are up to three times this. */
  timeoutMs: number;
}

/**
 * An instrument that echoes `ECHO? token` and answers 488.2 markers, and does to its answers what wires and firmware do. It answers in the
 * order it is asked, as 488.2 section 6 has it, except for the fault `order`, which swaps neighbours.
 */
export class FaultyInstrument {
  readonly #plan: FaultPlan;
  #outlet: Outlet;
  #text = '';
  /** When what is under way has left, ms. */
  #busyUntilMs = 0;
  #waiting: { dueMs: number; action: () => void }[] = [];
  #held: string | undefined;

  constructor(plan: FaultPlan, outlet: Outlet) {
    this.#plan = plan;
    this.#outlet = outlet;
  }

  /** Another connection to the same instrument: what is still to be sent goes there. */
  moveTo(outlet: Outlet): void {
    this.#outlet = outlet;
    this.#text = '';
  }

  take(bytes: Uint8Array): void {
    this.#text += Buffer.from(bytes).toString('latin1');
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 1);
      this.#obey(line);
    }
  }

  #obey(line: string): void {
    const answers = line.split(';').flatMap((unit) => {
      if (unit.trim() === '*OPC?') return ['1'];
      const echo = /^ECHO\? (\S+)$/.exec(unit.trim());
      return echo ? [echo[1] as string] : [];
    });
    if (answers.length > 0) this.#answer(`${answers.join(';')}\n`);
  }

  #answer(reply: string): void {
    const { random, rate, tally, faults = FAULTS } = this.#plan;
    const fault = !tally.isHealthy && random.next() < rate ? faults[random.below(faults.length)] : undefined;
    if (fault) tally.add(fault);
    if (fault === 'order' && this.#held === undefined) {
      this.#held = reply;
      return;
    }
    this.#deliver(reply, fault);
    // The neighbour that was held back goes right behind.
    if (this.#held !== undefined) this.#send(this.#held, random.below(2));
    this.#held = undefined;
  }

  #deliver(reply: string, fault: Fault | undefined): void {
    const { random, timeoutMs, clock } = this.#plan;
    switch (fault) {
      case 'drop':
        break;
      case 'delay':
        this.#send(reply, random.below(timeoutMs * 3));
        break;
      case 'hang':
        this.#busyUntilMs = Math.max(this.#busyUntilMs, clock.monotonicMs()) + random.below(timeoutMs * 3);
        this.#send(reply, 0);
        break;
      case 'split': {
        // Byte by byte, one time in three with a long pause somewhere.
        const pauseAt = random.below(reply.length * 3);
        [...reply].forEach((character, index) => {
          this.#send(character, index === pauseAt ? random.below(timeoutMs * 2) : 1);
        });
        break;
      }
      case 'garbage':
        this.#send(spoil(reply, random, this.#plan.isNoiseUnreadable ?? false), 0);
        break;
      case 'disconnect': {
        if (random.below(2)) this.#send(reply.slice(0, random.below(reply.length)), 0);
        const outlet = this.#outlet;
        this.#at(0, () => outlet.hangUp());
        break;
      }
      default:
        this.#send(reply, 0);
    }
  }

  #send(text: string, delayMs: number): void {
    const bytes = Buffer.from(text, 'latin1');
    this.#at(delayMs, () => this.#outlet.send(bytes));
  }

  /** In order: nothing overtakes, whatever timers do; `delayMs` counts from the one before. */
  #at(delayMs: number, action: () => void): void {
    const nowMs = this.#plan.clock.monotonicMs();
    this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs) + delayMs;
    this.#waiting.push({ dueMs: this.#busyUntilMs, action });
    if (this.#waiting.length === 1) this.#next();
  }

  #next(): void {
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      const leftMs = first.dueMs - this.#plan.clock.monotonicMs();
      if (leftMs > 0) {
        this.#plan.clock.after(leftMs, () => this.#next());
        return;
      }
      first.action();
      this.#waiting.shift();
    }
  }
}

/** Line noise: something no text reply holds, before, inside or instead of the reply; or text that has not the form of an answer. */
export function spoil(reply: string, random: SeededRandom, isUnreadable: boolean): string {
  const noise = `${String.fromCharCode(128 + random.below(128))}${random.below(2) ? '\n' : ''}`;
  switch (random.below(isUnreadable ? 3 : 5)) {
    case 0:
      return noise + reply;
    case 1:
      return noise;
    case 2: {
      const at = random.below(reply.length - 1);
      return reply.slice(0, at) + String.fromCharCode(reply.charCodeAt(at) | 0x80) + reply.slice(at + 1);
    }
    case 3:
      return `+1.234E+00\n${reply}`;
    default:
      return reply.slice(0, random.below(reply.length));
  }
}
