import type { Clock } from '../../src/core/clock.ts';
import type { SeededRandom } from '../../src/core/seeded-random.ts';

/** Where the instrument's bytes go: one connection or line. */
export interface Outlet {
  send(bytes: Uint8Array): void;
  hangUp(): void;
}

export type Fault = 'delay' | 'drop' | 'split' | 'garbage' | 'order' | 'hang' | 'disconnect';

export interface FaultPlan {
  clock: Clock;
  random: SeededRandom;
  /** Share of queries that meet a fault. */
  rate: number;
  faults: readonly Fault[];
  /** Delays and hangs are up to three times this. */
  timeoutMs: number;
}

/**
 * An instrument that echoes `ECHO? token` and answers 488.2 markers, and does to its answers what wires and firmware do. It answers in the
 * order it is asked, as 488.2 6.1.6 has it, except for the fault `order`, which swaps neighbours.
 */
export class FaultyInstrument {
  readonly counts: Record<Fault, number> = {
    delay: 0,
    drop: 0,
    split: 0,
    garbage: 0,
    order: 0,
    hang: 0,
    disconnect: 0,
  };
  readonly #plan: FaultPlan;
  #outlet: Outlet;
  #text = '';
  /** When what is under way has left, ms. */
  #busyUntilMs = 0;
  #held: string | undefined;
  isHealthy = false;

  constructor(plan: FaultPlan, outlet: Outlet) {
    this.#plan = plan;
    this.#outlet = outlet;
  }

  get faults(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
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
    const { random, rate, faults } = this.#plan;
    const fault = !this.isHealthy && random.next() < rate ? faults[random.below(faults.length)] : undefined;
    if (fault) this.counts[fault]++;
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
        const gapMs = random.below(3) === 0 ? timeoutMs / 3 : 1;
        for (const character of reply) this.#send(character, gapMs);
        break;
      }
      case 'garbage':
        this.#send(spoil(reply, random), 0);
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

  /** In order: nothing overtakes. */
  #at(delayMs: number, action: () => void): void {
    const nowMs = this.#plan.clock.monotonicMs();
    this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs) + delayMs;
    if (this.#busyUntilMs <= nowMs) action();
    else this.#plan.clock.after(this.#busyUntilMs - nowMs, action);
  }
}

/** Line noise: something no text reply holds, before, inside or instead of the reply; or text that has not the form of an answer. */
function spoil(reply: string, random: SeededRandom): string {
  const noise = `${String.fromCharCode(128 + random.below(128))}${random.below(2) ? '\n' : ''}`;
  switch (random.below(5)) {
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
