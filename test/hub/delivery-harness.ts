import { ManualClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { type DeliveryOptions, deliveryOptions, NATIVE_DELIVERY } from '../../src/hub/delivery/delivery-options.ts';
import type { DropReport } from '../../src/hub/delivery/delivery-report.ts';
import type { OutboundMessage } from '../../src/hub/delivery/outbound-message.ts';
import { Outbox, type OutboxParts } from '../../src/hub/delivery/outbox.ts';
import type { QueueBudget } from '../../src/hub/delivery/queue-budget.ts';
import type { Wire } from '../../src/hub/delivery/wire.ts';
import type { FrameSkip } from '../../src/protocol/lab/labwire-frame.ts';

/** A wire that keeps what it gets; `isStalled` lets bytes pile up in it as a dead peer does. */
export class MemoryWire implements Wire {
  readonly sent: (string | Uint8Array)[] = [];
  bufferedBytes = 0;
  sentBytes = 0;
  closed: { code: number; reason: string } | undefined;
  isStalled = false;
  /** Called with the bytes of each message. */
  onSend: (bytes: number) => void = () => {};

  send(data: string | Uint8Array): void {
    const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
    this.sent.push(data);
    this.sentBytes += bytes;
    if (this.isStalled) this.bufferedBytes += bytes;
    this.onSend(bytes);
  }

  close(code: number, reason: string): void {
    this.closed ??= { code, reason };
  }

  get texts(): string[] {
    return this.sent.map((data) => (typeof data === 'string' ? data : `<${data.length}>`));
  }
}

export interface Bench {
  clock: ManualClock;
  wire: MemoryWire;
  outbox: Outbox;
  reports: DropReport[];
  undelivered: OutboundMessage[];
}

/** No limit but those of the queue: what a test names it sets itself. */
export const UNLIMITED: Partial<DeliveryOptions> = { rate: undefined };

export function bench(
  changes: Partial<DeliveryOptions> = {},
  seed = 1,
  { joinFrames, budget }: Pick<OutboxParts, 'joinFrames' | 'budget'> = {},
): Bench {
  const clock = new ManualClock();
  const wire = new MemoryWire();
  const random = seededRandom(seed);
  const reports: DropReport[] = [];
  const undelivered: OutboundMessage[] = [];
  const outbox = new Outbox(wire, {
    clock,
    random: () => random.next(),
    options: deliveryOptions(NATIVE_DELIVERY, { ...UNLIMITED, ...changes }),
    onReport: (report) => reports.push(report),
    onUndelivered: (message) => undelivered.push(message),
    ...(joinFrames ? { joinFrames } : {}),
    ...(budget ? { budget } : {}),
  });
  return { clock, wire, outbox, reports, undelivered };
}

/** A connection on which nothing goes any more: one message is in flight and never acknowledged. */
export function stalled(changes: Partial<DeliveryOptions> = {}, seed = 1, budget?: QueueBudget): Bench {
  const made = bench(
    { window: { minBytes: 1, maxBytes: 1, initialBytes: 1, targetMs: 100 }, criticalExcessBytes: 0, ...changes },
    seed,
    budget ? { budget } : {},
  );
  made.outbox.offer(message({ key: 'stall', rows: 0 }));
  return made;
}

/** A numbered or plain text message; its text is `key:label+skipped`. */
export function message(
  changes: Partial<OutboundMessage> & { label?: string | number } = {},
): OutboundMessage & { skips: (FrameSkip | undefined)[] } {
  const { label = '', ...rest } = changes;
  const skips: (FrameSkip | undefined)[] = [];
  const made = {
    key: 'k',
    delivery: 'stream' as const,
    priority: 'NORMAL' as const,
    rows: 1,
    sizeBytes: 100,
    ...rest,
    skips,
    encode: (skipped: FrameSkip | undefined): string => {
      skips.push(skipped);
      return `${made.key}:${label}${skipped ? `+${skipped.n}${skipped.reason}` : ''}`;
    },
  };
  return made;
}
