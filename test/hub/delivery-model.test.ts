import { expect, test } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { type SeededRandom, seededRandom } from '../../src/core/seeded-random.ts';
import { deliveryOptions, NATIVE_DELIVERY } from '../../src/hub/delivery/delivery-options.ts';
import type { Attachment } from '../../src/hub/delivery/delivery-source.ts';
import type { DeliveryClass, Encoded, OutboundMessage } from '../../src/hub/delivery/outbound-message.ts';
import { Outbox } from '../../src/hub/delivery/outbox.ts';
import type { FrameSkip } from '../../src/protocol/lab/labwire-frame.ts';
import { PRIORITIES, type Priority } from '../../src/protocol/lab/priority.ts';
import { MemoryWire } from './delivery-harness.ts';
import { frameText, RingOfRows, ringSource } from './shared-ring.ts';

const STEPS = 100_000;
const LIMITS = deliveryOptions(NATIVE_DELIVERY, {
  maxMessages: 120,
  maxBytes: 12_000,
  criticalOverflow: 40,
  criticalExcessBytes: 2_000,
  window: { minBytes: 300, maxBytes: 3_000, initialBytes: 600, targetMs: 100 },
  rate: { perS: 2_000, burst: 100 },
  maxUnackedEvents: 200,
  maxFrameBytes: 400,
});
const MOST_MESSAGE_BYTES = 200;

interface Key {
  key: string;
  delivery: DeliveryClass;
  priority: Priority;
  next: number;
  units: number;
}

/** What one client sees, checked as it comes. */
class Client {
  /** Next row expected, by key. */
  readonly expected = new Map<string, number>();
  readonly told = new Map<string, number>();
  readonly events = new Set<string>();
  critical = 0;

  /** Reads `key:seq,rows+skipped`; gives the key and whether it came before. */
  take(text: string): { key: string; isRepeat: boolean; id: string } {
    const match = /^(.*):(\d+),(\d+)(?:\+(\d+)([a-z]+))?$/.exec(text);
    if (!match) throw new Error(`not a message: ${text}`);
    const [, key = '', seqText, rowsText, skipText = '0'] = match;
    const [seq, rows, skip] = [Number(seqText), Number(rowsText), Number(skipText)];
    const id = `${key}:${seq}`;
    const next = this.expected.get(key) ?? 0;
    if (this.events.has(id)) return { key, isRepeat: true, id };
    // An event that was held comes after it was told as left out.
    const isLate = key.startsWith('event') && seq < next;
    if (rows > 0 && !isLate) {
      if (seq !== next + skip) throw new Error(`${text}: expected ${next} + ${skip}`);
      this.expected.set(key, seq + rows);
      this.told.set(key, (this.told.get(key) ?? 0) + skip);
    }
    if (key.startsWith('event')) this.events.add(id);
    return { key, isRepeat: isLate, id };
  }
}

/** A random life of one session: offers, stalls, acknowledgements, time, changes of limits, sources, closed connections. */
class Life {
  readonly random: SeededRandom;
  readonly clock = new ManualClock();
  readonly client = new Client();
  readonly keys: Key[] = [];
  readonly rings = [
    { key: 'ring-high', rows: new RingOfRows(400), priority: 'HIGH' as const },
    { key: 'ring-normal', rows: new RingOfRows(200), priority: 'NORMAL' as const },
  ];
  readonly isStrict: boolean;
  /** CRITICAL messages that were offered and must arrive, in order by key. */
  readonly owed = new Set<string>();
  attachments: (Attachment | undefined)[] = [];
  wire!: MemoryWire;
  outbox!: Outbox;
  read = 0;
  unacked: string[] = [];
  undelivered = 0;
  closes = 0;
  repeats = 0;
  readonly states = new Set<string>();

  constructor(seed: number, isStrict: boolean) {
    this.random = seededRandom(seed);
    this.isStrict = isStrict;
    for (const delivery of ['reply', 'latest', 'stream', 'event', 'bulk'] as const)
      for (const priority of PRIORITIES) {
        if (priority === 'CRITICAL' && (delivery === 'latest' || delivery === 'bulk')) continue;
        for (let index = 0; index < 2; index++)
          this.keys.push({ key: `${delivery}-${priority}-${index}`, delivery, priority, next: 0, units: 0 });
      }
    this.connect();
  }

  connect(): void {
    const old = this.outbox as Outbox | undefined;
    const unsent = old?.takeUnsent();
    this.wire = new MemoryWire();
    this.wire.onSend = () => this.sent();
    this.outbox = new Outbox(this.wire, {
      clock: this.clock,
      random: () => this.random.next(),
      options: LIMITS,
      onUndelivered: ({ key, id }) => {
        this.undelivered++;
        this.owed.delete(id ?? key);
      },
    });
    this.read = 0;
    for (const key of this.keys) key.units = 0;
    if (unsent) {
      for (const { message } of unsent.messages) {
        const key = this.keys.find((one) => one.key === message.key);
        if (key) key.units += Math.max(1, message.rows);
      }
      this.outbox.adopt(unsent);
    }
    this.attachments = this.rings.map(({ key, rows, priority }) =>
      this.outbox.attach(ringSource(key, rows, { priority, fromRow: this.client.expected.get(key) ?? 0 })),
    );
  }

  /** A message is on the wire: nothing more urgent may wait. */
  sent(): void {
    const text = this.wire.sent.at(-1) as string;
    const { key, isRepeat, id } = this.client.take(text);
    this.owed.delete(id);
    if (isRepeat) this.repeats++;
    if (key.startsWith('event')) this.unacked.push(id);
    if (!this.isStrict || isRepeat) return;
    const rank = PRIORITIES.findIndex((name) => key.toUpperCase().includes(name));
    const { critical, high, normal, low } = this.outbox.connectionStats().queue_size_by_priority;
    const above = [critical, high, normal, low].slice(0, rank).findIndex((size) => size > 0);
    // A ring of HIGH that waits for its snapshot, and one of NORMAL that is skipped, count as waiting.
    if (above === 0 || (above > 0 && this.outbox.state !== 'EMERGENCY'))
      throw new Error(`${text} went while ${PRIORITIES[above]} waited`);
  }

  offer(): void {
    const key = this.keys[this.random.below(this.keys.length)]!;
    const priority = this.isStrict || this.random.next() < 0.8 ? key.priority : PRIORITIES[1 + this.random.below(4)]!;
    const rows = key.delivery === 'reply' || key.delivery === 'bulk' ? 0 : 1 + this.random.below(3);
    const seq = key.next;
    key.next += Math.max(1, rows);
    key.units += Math.max(1, rows);
    const before =
      rows > 0 && this.random.next() < 0.05 ? { n: 1 + this.random.below(3), reason: 'rate' as const } : undefined;
    if (before) key.next += before.n;
    const first = before ? seq + before.n : seq;
    const label = `${key.key}:${first}`;
    // What is being encoded goes before what comes meanwhile: not strict.
    const isLate = !this.isStrict && this.random.next() < 0.02;
    const message: OutboundMessage = {
      key: key.key,
      delivery: key.delivery,
      priority,
      rows,
      sizeBytes: 20 + this.random.below(MOST_MESSAGE_BYTES - 20),
      ...(key.delivery === 'event' ? { id: label } : {}),
      ...(before ? { before } : {}),
      ...(this.random.next() < 0.1 ? { maxAgeMs: 50 } : {}),
      encode: (skipped: FrameSkip | undefined): Encoded | Promise<Encoded> => {
        const text = frameText(key.key, { seq: first, rows, skipped });
        return isLate ? Promise.resolve(text) : text;
      },
    };
    if (key.priority === 'CRITICAL' && priority === 'CRITICAL' && !('maxAgeMs' in message && key.delivery === 'stream'))
      this.owed.add(label);
    this.outbox.offer(message);
  }

  async step(): Promise<void> {
    const dice = this.random.next();
    if (dice < 0.55) this.offer();
    else if (dice < 0.72) this.ack();
    else if (dice < 0.8) this.rows();
    else if (dice < 0.86) this.ackEvents();
    else if (dice < 0.9) await this.clock.advance(this.random.below(40));
    else if (dice < 0.9003) await this.clock.advance(3_000);
    else if (dice < 0.9005) this.configure();
    else if (!this.isStrict && dice < 0.91)
      this.outbox.setPriority(
        this.keys[this.random.below(this.keys.length)]!.key,
        PRIORITIES[1 + this.random.below(4)]!,
      );
    else this.offer();
    // The connection is cut; all that was sent arrived, its acknowledgements did not.
    if (this.wire.closed || this.random.next() < 0.0005) {
      this.closes++;
      this.unacked = [];
      this.connect();
    }
    this.check();
  }

  ack(): void {
    if (this.isStalled()) return;
    this.read += Math.ceil((this.wire.sentBytes - this.read) * this.random.next());
    this.outbox.ack(this.read);
  }

  /** Phases of about a thousand steps in which the client takes much, little, nothing. */
  isStalled(): boolean {
    const phase = Math.floor(this.clock.monotonicMs() / 700) % 4;
    return phase === 3 || (phase === 2 && this.random.next() < 0.7);
  }

  ackEvents(): void {
    const count = this.random.below(4);
    for (let index = 0; index < count && this.unacked.length > 0; index++) {
      const [id = ''] = this.unacked.splice(this.random.below(this.unacked.length), 1);
      this.outbox.ackEvents(this.random.next() < 0.1 ? [id, id, 'nobody'] : [id]);
    }
  }

  rows(): void {
    const index = this.random.below(this.rings.length);
    if (this.random.next() < 0.03) this.rings[index]!.rows.hole(1 + this.random.below(9));
    else this.rings[index]!.rows.append(1 + this.random.below(30));
    this.attachments[index]?.changed();
  }

  configure(): void {
    const { random } = this;
    this.outbox.configure({
      maxMessages: 100 + random.below(60),
      fairness: this.isStrict || random.next() < 0.5 ? 'strict' : 'weighted',
      emergencyMode: random.next() < 0.7,
      rate: random.next() < 0.3 ? undefined : { perS: 500 + random.below(3_000), burst: 20 + random.below(200) },
    });
  }

  /** Plain comparisons: a hundred thousand steps would be long with matchers. */
  check(): void {
    const { outbox } = this;
    this.states.add(outbox.state);
    const size = outbox.connectionStats().queue_size;
    if (size > 160 + LIMITS.criticalOverflow + 60) throw new Error(`${size} messages wait`);
    const { inFlightBytes } = outbox.details();
    const most = LIMITS.window.maxBytes + LIMITS.criticalExcessBytes + MOST_MESSAGE_BYTES + LIMITS.maxFrameBytes;
    if (inFlightBytes > most) throw new Error(`${inFlightBytes} bytes in flight`);
    for (const [key, ledger] of outbox.ledgers()) {
      const { produced, delivered, conflated, decimated, dropped, queued, inFlight } = ledger;
      const sum = delivered + conflated + decimated + dropped + queued + inFlight;
      if (produced !== sum || Math.min(delivered, conflated, decimated, dropped, queued, inFlight) < 0)
        throw new Error(`${key}: ${JSON.stringify(ledger)}`);
    }
  }

  /** Everything offered is accounted for, by the outbox and by what this side counted. */
  checkProduced(): void {
    for (const { key, units } of this.keys) expect(this.outbox.ledger(key).produced, key).toBe(units);
  }

  async finish(): Promise<void> {
    this.outbox.configure({ rate: undefined });
    for (
      let round = 0;
      round < 3_000 && (this.outbox.connectionStats().queue_size > 0 || this.outbox.details().inFlightBytes > 0);
      round++
    ) {
      this.outbox.ack(this.wire.sentBytes);
      await this.clock.advance(20);
      if (this.wire.closed) this.connect();
    }
    expect(this.outbox.connectionStats().queue_size).toBe(0);
  }
}

test.each([
  [1, true],
  [2, true],
  [3, false],
  [4, false],
])(
  '326 331 314 no reorder in a key, accounts hold, seq = previous + rows + skipped, CRITICAL is never lost: seed %i, strict %s',
  async (seed, isStrict) => {
    const life = new Life(seed, isStrict);
    for (let step = 0; step < STEPS / 4; step++) {
      await life.step();
      if (step % 500 === 0) life.checkProduced();
    }
    life.checkProduced();
    // The run went everywhere.
    const { dropped, conflated, decimated } = life.outbox.total;
    expect([...life.states].toSorted()).toEqual(['BACKPRESSURE', 'EMERGENCY', 'NORMAL']);
    expect(Math.min(dropped, conflated, decimated, life.closes, life.repeats, life.undelivered)).toBeGreaterThan(0);
    await life.finish();
    life.check();
    // CRITICAL: each arrived, or was said to be undelivered.
    expect([...life.owed]).toEqual([]);
    const { skips } = life.outbox.takeUnsent();
    for (const [key, { n }] of skips) life.client.told.set(key, (life.client.told.get(key) ?? 0) + n);
    for (const { key, delivery, next } of life.keys) {
      if (delivery === 'reply' || delivery === 'bulk') continue;
      const pending = skips.find(([name]) => name === key)?.[1].n ?? 0;
      expect((life.client.expected.get(key) ?? 0) + pending, key).toBe(next);
    }
  },
);
