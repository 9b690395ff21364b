import type { ChannelState } from '../../contract/instrument-schema.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { Pace } from './row-cursor.ts';
import { sourceIntervalMs } from './stream-form.ts';

/** Asked for so little less than there is, a client gets all: thinning would leave holes that nobody asked for. */
const ALL_FACTOR = 1.5;

/** How rows of a stream are chosen for a client that wants one each `askedMs`, and how far apart they come then; ms. */
export function paceOf(
  info: Pick<StreamInfo, 'kind' | 'rateHz'>,
  channels: readonly Pick<ChannelState, 'rateGotHz' | 'rateAskedHz'>[],
  askedMs: number,
): { pace: Pace; intervalMs: number } {
  const nominalMs = sourceIntervalMs(info, channels);
  const gotHz = info.kind === 'regular' ? 0 : Math.max(0, ...channels.map(({ rateGotHz }) => rateGotHz));
  const sourceMs = gotHz > 0 ? 1000 / gotHz : nominalMs;
  if (askedMs <= sourceMs * ALL_FACTOR) return { pace: { kind: 'all' }, intervalMs: Math.max(askedMs, nominalMs) };
  if (info.kind !== 'regular') return { pace: { kind: 'time', intervalNs: askedMs * 1e6 }, intervalMs: askedMs };
  const step = Math.max(1, Math.round(askedMs / sourceMs));
  return { pace: { kind: 'step', step }, intervalMs: step * sourceMs };
}
