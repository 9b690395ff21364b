import { MESSAGE_FORMATS } from '../../contract/lablink-settings.ts';
import { ANONYMOUS, type Principal } from '../access/principal.ts';
import { channelRights } from '../access/role.ts';
import { COMPRESSION_KINDS, DEFLATE_MEM_LEVEL, DEFLATE_WINDOW_BITS } from '../compression/compression-rule.ts';
import { NATIVE_DELIVERY } from '../delivery/delivery-options.ts';
import type { HubParts } from '../hub-parts.ts';
import { microsOf } from '../server-time.ts';

/** Limits of this dialect; all of them are told to clients. */
export const LABWIRE_LIMITS = {
  helloMs: 10_000,
  heartbeatS: 10,
  timeoutS: 25,
  maxMessageBytes: 1_048_576,
  maxStreams: 100,
  /** Of a resume: rows of a stream, seconds back, and bytes of all streams. */
  replayRows: 10_000,
  replayS: 300,
  replayBytes: 16 * 1024 * 1024,
  ttlS: 300,
  reissueS: 600,
  /** Rows of one answer of the past. */
  historyRows: 10_000,
  /** Connections that have not said hello yet, of all and of one network: a program that comes back with all its sockets has as many as a user may. */
  maxGreeting: 128,
  maxGreetingPerNetwork: 32,
  /** Events kept for a client that is away. */
  maxMissed: 1000,
  /** Of transfers: how many of one client are kept, and bytes of them in memory; bytes of all clients. */
  shelfTransfers: 8,
  shelfBytes: 32 * 1024 * 1024,
  transferBytes: 256 * 1024 * 1024,
  drainMs: 5000,
};
export type LabwireLimits = typeof LABWIRE_LIMITS;

const BURST = 20;

/** What clients read first: who this is and what it can do. Who has not logged in yet sees the channels a login may open. */
export function capabilitiesOf(
  { id, name, version, instance, clock, roles, recordings, limits: { queueItems } }: HubParts,
  principal: Principal,
  limits: LabwireLimits,
): { type: 'capabilities' } & Record<string, unknown> {
  const { window, rate, watermarks } = NATIVE_DELIVERY;
  const role = principal.user === ANONYMOUS.user ? 'admin' : principal.role;
  return {
    type: 'capabilities',
    protocol: { name: 'labwire', versions: [1], dialect: 'native' },
    server: { id, name, version, instance },
    via: [id],
    clock: { id: instance, t: microsOf(clock.nowNs()) },
    features: {
      compression: {
        enabled: true,
        types: COMPRESSION_KINDS,
        permessage_deflate: {
          window_bits: DEFLATE_WINDOW_BITS,
          mem_level: DEFLATE_MEM_LEVEL,
          context_takeover: true,
        },
        threshold: 1024,
        codecs: ['raw', 'i16d-rice', 'deflate'],
      },
      priorities: { enabled: true, levels: ['LOW', 'NORMAL', 'HIGH', 'CRITICAL', 'BULK'] },
      recording: recordings.isEnabled ? { enabled: true, formats: MESSAGE_FORMATS } : { enabled: false, formats: [] },
      backpressure: {
        enabled: true,
        max_queue_size: queueItems,
        rate_limit: rate?.perS ?? 0,
        watermarks: [watermarks.low, watermarks.high, watermarks.critical],
        ack_window: { min: window.minBytes, max: window.maxBytes, target_ms: window.targetMs },
      },
      resume: {
        enabled: true,
        ttl: limits.ttlS,
        replay_max_s: limits.replayS,
        replay_max_msgs: limits.replayRows,
      },
      history: { enabled: true },
      transfers: {
        enabled: true,
        what: ['screenshot', 'waveform', 'recording'],
        max_chunk: NATIVE_DELIVERY.maxFrameBytes,
      },
      channels: channelRights(role, roles).map((right) => ({
        name: right.name,
        can_subscribe: right.canSubscribe,
        can_broadcast: right.canBroadcast,
      })),
      rate_limits: {
        ping: [120, 2],
        subscribe: [30, 1],
        unsubscribe: [30, 1],
        get_subscriptions: [10, 0.5],
        default: [60, 10],
        burst: BURST,
      },
      heartbeat: { interval: limits.heartbeatS, timeout: limits.timeoutS },
      limits: { max_message: limits.maxMessageBytes, max_streams: limits.maxStreams, max_inflate_ratio: 200 },
    },
  };
}
