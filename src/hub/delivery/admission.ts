import type { DeliveryState } from './delivery-report.ts';
import type { OutboundMessage } from './outbound-message.ts';
import { normalShare } from './pressure-state.ts';
import type { Rank, WaitingMessage } from './waiting-message.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** What pressure does to a message that comes. */
export type Admission =
  | { kind: 'wait'; isSnapshot: boolean }
  /** In the place of the newest of its key that waits. */
  | { kind: 'replace'; entry: WaitingMessage }
  | { kind: 'lose'; loss: 'dropped' | 'decimated' | 'conflated' };

export interface AdmissionRules {
  dropLowPriority: boolean;
  snapshotMs: number;
}

export interface Pressure {
  state: DeliveryState;
  /** Part of LOW that is thinned out. */
  share: number;
  nowMs: number;
}

const CRITICAL = 0;
const HIGH = 1;
const NORMAL = 2;
const LOW = 3;

const WAIT: Admission = { kind: 'wait', isSnapshot: false };
const DROP: Admission = { kind: 'lose', loss: 'dropped' };

/** Decides about one message; what waits does not change. `chance`: 0 ≤ x < 1. */
export function admit(
  message: OutboundMessage,
  rank: Rank,
  room: WaitingRoom,
  pressure: Pressure,
  rules: AdmissionRules,
  chance: () => number,
): Admission {
  const { delivery } = message;
  if (delivery === 'latest') return admitLatest(message, rank, room, pressure);
  if (pressure.state === 'NORMAL' || rank === CRITICAL || delivery === 'reply' || delivery === 'event') return WAIT;
  if (delivery === 'bulk' || rank > LOW) return DROP;
  if (rank === HIGH) return pressure.state === 'EMERGENCY' ? admitSnapshot(message, room, pressure, rules) : WAIT;
  if (pressure.state === 'EMERGENCY') return DROP;
  if (rank === NORMAL) return decimate(message, room, normalShare(pressure.share));
  return rules.dropLowPriority && chance() < pressure.share ? DROP : WAIT;
}

/** The newest is all that counts: it takes the place of the one before, so a slow key does not lose its turn. */
function admitLatest(message: OutboundMessage, rank: Rank, room: WaitingRoom, pressure: Pressure): Admission {
  const newest = room.lane(message.key).messages.last;
  if (newest?.message.delivery === 'latest') return { kind: 'replace', entry: newest };
  if (pressure.state === 'EMERGENCY' && rank > HIGH) return DROP;
  return pressure.state !== 'NORMAL' && rank > LOW ? DROP : WAIT;
}

/** Evenly spaced, so that what remains is still a picture of the signal. */
function decimate(message: OutboundMessage, room: WaitingRoom, share: number): Admission {
  const lane = room.lane(message.key);
  lane.decimationDebt += 1 - share;
  if (lane.decimationDebt < 1) return { kind: 'lose', loss: 'decimated' };
  lane.decimationDebt -= 1;
  return WAIT;
}

/** One a second, the newest that came before it goes. */
function admitSnapshot(
  message: OutboundMessage,
  room: WaitingRoom,
  pressure: Pressure,
  rules: AdmissionRules,
): Admission {
  const lane = room.lane(message.key);
  const newest = lane.messages.last;
  if (newest && newest === lane.snapshot) return { kind: 'replace', entry: newest };
  if (pressure.nowMs - lane.snapshotMs < rules.snapshotMs) return { kind: 'lose', loss: 'conflated' };
  lane.snapshotMs = pressure.nowMs;
  return { kind: 'wait', isSnapshot: true };
}
