import type { RecordingRow } from '../../contract/recording-schema.ts';
import { benchStore, pulseStore } from '../engine-link.ts';
import { useStore } from '../store.ts';
import { msOf } from '../text-format.ts';

/** What of a row grows while it is being recorded. The list is read when it changes, not each second. */
export type Grown = Pick<RecordingRow, 'durationS' | 'bytes'>;

/** Length and size as they are now; of what has ended, as listed. */
export function useGrown(row: RecordingRow): Grown {
  const session = useStore(benchStore, (bench) => bench?.sessions.find(({ paths }) => paths[0] === row.paths[0]));
  const pulse = useStore(pulseStore, (value) => (value?.recording.recording === row.id ? value : undefined));
  if (session) return { durationS: session.duration_seconds, bytes: session.bytes_written };
  if (row.state !== 'recording' || !pulse) return row;
  return {
    durationS: Math.max(row.durationS, (msOf(pulse.t) - msOf(row.startedNs)) / 1000),
    bytes: Math.max(row.bytes, pulse.recording.bytes),
  };
}
