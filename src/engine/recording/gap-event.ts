import { randomUUID } from 'node:crypto';
import type { LabEvent } from '../../contract/recording-schema.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { StreamGap } from '../sample-sink.ts';

/** A gap of a stream as the event that stands for it in a recording. */
export function gapEvent({ key, epoch, instrument }: StreamInfo, gap: StreamGap): LabEvent {
  const t = String(gap.fromNs);
  const data = { stream: key, epoch, seq: gap.seq, lost: gap.lost, fromNs: t, toNs: String(gap.toNs) };
  return { id: randomUUID(), t, kind: 'gap', text: gap.reason, severity: 'warning', instrument, data };
}

/** A gap of rows that the batch behind it does not count as lost, as it was recorded before they were known to be missing: only this event says so. */
export function unsaidGapEvent(info: StreamInfo, gap: StreamGap): LabEvent {
  const event = gapEvent(info, gap);
  return { ...event, data: { ...event.data, unsaid: true } };
}
