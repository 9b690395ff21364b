import { PRIORITIES, type Priority } from '../../protocol/lab/priority.ts';

/** Every number of an outbox. All of them may be changed while it works: nothing is dropped by the change itself. */
export interface DeliveryOptions {
  /** Messages that may wait; 100–100,000. The one after evicts another. */
  maxMessages: number;
  /** Bytes that may wait (estimates). */
  maxBytes: number;
  /** Waiting messages beyond which `isWarning` is true (LabLink: 750 of 1,000). */
  warningMessages: number;
  /** Parts of the limits: backpressure from `high` on, emergency from `critical` on, normal below `low`. */
  watermarks: { low: number; high: number; critical: number };
  /** Parts of `maxMessages` each class can always place. Free room may be borrowed by the others. */
  reserves: Readonly<Record<Priority, number>>;
  /** CRITICAL messages that may wait beyond `maxMessages` before others are evicted for them. */
  criticalOverflow: number;
  /** Whether CRITICAL is all that an overloaded connection gets beside events, and HIGH streams become snapshots. */
  emergencyMode: boolean;
  /** Whether LOW is thinned under pressure (LabLink's drop_low_priority). */
  dropLowPriority: boolean;
  /** Whether pressure changes anything beside the limits (LabLink's backpressure_enabled). */
  isEnabled: boolean;
  /** Messages a second and at once; undefined: no limit. CRITICAL passes. */
  rate: { perS: number; burst: number } | undefined;
  /** Unacknowledged bytes: what goes through in `targetMs`, between `minBytes` and `maxBytes`; `initialBytes` before the first measure. */
  window: { minBytes: number; maxBytes: number; initialBytes: number; targetMs: number };
  /** Bytes in flight CRITICAL may have beyond the window. */
  criticalExcessBytes: number;
  /** A peer that acknowledges nothing: bytes that may wait in this process, and how much longer than the shortest round trip may be (ms). */
  legacy: { maxBufferedBytes: number; maxQueueDelayMs: number };
  /** Whether the peer acknowledges bytes. */
  hasAcks: boolean;
  /** Waits before an event is sent again, ms; after the last one it is held. */
  retryMs: readonly number[];
  /** How long an event is held for the next connection before it counts as undelivered; ms. */
  heldMs: number;
  /** Events waiting for their acknowledgement; the oldest beyond become undelivered. */
  maxUnackedEvents: number;
  /** EMERGENCY without any acknowledgement for so long closes the connection (4508); ms. */
  slowMs: number;
  /** ms between drop reports, at least. */
  reportMs: number;
  maxReportedStreams: number;
  /** ms between snapshots of a HIGH stream in EMERGENCY. */
  snapshotMs: number;
  /** Largest chunk of a transfer and largest frame of a stream; bytes. Never more than a quarter of the window. */
  maxFrameBytes: number;
  /** Messages of less than CRITICAL are gathered up to `maxMs` or `maxMessages`; undefined: each goes at once. */
  batching: { maxMs: number; maxMessages: number } | undefined;
  /** Order between classes: `strict`, or `weighted` by the reserves (CRITICAL first all the same). */
  fairness: 'strict' | 'weighted';
  /** A message that waited longer counts as starved; ms. */
  starvationMs: number;
}

const MIB = 1024 * 1024;

/** Our own protocol. */
export const NATIVE_DELIVERY: Readonly<DeliveryOptions> = {
  maxMessages: 10_000,
  maxBytes: 16 * MIB,
  warningMessages: 7_500,
  watermarks: { low: 0.2, high: 0.8, critical: 0.95 },
  reserves: { CRITICAL: 0.3, HIGH: 0.4, NORMAL: 0.2, LOW: 0.08, BULK: 0.02 },
  criticalOverflow: 3_000,
  emergencyMode: true,
  dropLowPriority: true,
  isEnabled: true,
  rate: { perS: 1_000, burst: 200 },
  window: { minBytes: 8 * 1024, maxBytes: 4 * MIB, initialBytes: 16 * 1024, targetMs: 100 },
  criticalExcessBytes: MIB,
  legacy: { maxBufferedBytes: 64 * 1024, maxQueueDelayMs: 100 },
  hasAcks: true,
  retryMs: [1_000, 2_000, 4_000],
  heldMs: 300_000,
  maxUnackedEvents: 10_000,
  slowMs: 30_000,
  reportMs: 1_000,
  maxReportedStreams: 100,
  snapshotMs: 1_000,
  maxFrameBytes: 64 * 1024,
  batching: undefined,
  fairness: 'strict',
  starvationMs: 5_000,
};

/** LabLink's enhanced WebSocket: its queue and rate, a peer without acknowledgements. */
export const LABLINK_DELIVERY: Readonly<DeliveryOptions> = {
  ...NATIVE_DELIVERY,
  maxMessages: 1_000,
  warningMessages: 750,
  criticalOverflow: 300,
  rate: { perS: 100, burst: 50 },
  hasAcks: false,
};

const FEWEST_MESSAGES = 100;
const MOST_MESSAGES = 100_000;

/** `base` with what is given in `changes`, inside the bounds that keep it working: reserves of more than all are scaled down. */
export function deliveryOptions(
  base: Readonly<DeliveryOptions>,
  changes: Partial<DeliveryOptions> = {},
): DeliveryOptions {
  const options = { ...base, ...changes };
  options.maxMessages = Math.min(MOST_MESSAGES, Math.max(FEWEST_MESSAGES, Math.floor(options.maxMessages)));
  const sum = PRIORITIES.reduce((all, name) => all + options.reserves[name], 0);
  if (sum > 1 + 1e-9)
    options.reserves = {
      CRITICAL: options.reserves.CRITICAL / sum,
      HIGH: options.reserves.HIGH / sum,
      NORMAL: options.reserves.NORMAL / sum,
      LOW: options.reserves.LOW / sum,
      BULK: options.reserves.BULK / sum,
    };
  return options;
}
