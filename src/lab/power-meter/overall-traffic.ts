import type { TrafficStats } from '../lab-server.ts';
import type { LinkTraffic } from '../link/link-traffic.ts';

/** What came over the health socket and those of the streams, all together. The round trip is that of the health socket: nothing is asked on the others. */
export function overallTraffic(
  health: LinkTraffic,
  streams: readonly (LinkTraffic | undefined)[],
  counts: Pick<TrafficStats, 'malformed' | 'unaccounted' | 'heartbeats'>,
): TrafficStats {
  const all = [health, ...streams.flatMap((traffic) => traffic ?? [])];
  const sum = (of: (traffic: LinkTraffic) => number): number => all.reduce((total, one) => total + of(one), 0);
  return {
    messages: sum(({ messages }) => messages),
    bytesPerS: sum(({ bytesPerS }) => bytesPerS),
    wireBytes: sum(({ wireBytes }) => wireBytes),
    bytes: sum(({ bytes }) => bytes),
    roundTripMs: health.roundTripMs,
    dropped: 0,
    ...counts,
  };
}
