/** Streams the WebSocket of LabLink knows. */
export type LabLinkStreamType = 'readings' | 'waveform' | 'measurements';
export type LabLinkCompression = 'none' | 'gzip' | 'zlib';
/** Of LabLink's four levels; an unknown word ends the connection, so there is a type for them. */
export type LabLinkPriority = 'low' | 'normal' | 'high' | 'critical';

/** Only the enhanced socket reads these; the basic one ignores them. */
export interface StreamExtras {
  compression?: LabLinkCompression | undefined;
  priority?: LabLinkPriority | undefined;
}

/** Interval the server means to allow (DataStreamConfig); ms. It checks nothing itself: 0 would be as fast as it can. */
export const MIN_INTERVAL_MS = 10;
export const MAX_INTERVAL_MS = 10_000;

/** An interval for the wire: whole ms, 10 to 10000. */
export function clampInterval(intervalMs: number): number {
  if (!Number.isFinite(intervalMs)) return 100;
  return Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, Math.round(intervalMs)));
}

/** `start_stream`. Streams are of the whole server: a second start of anybody replaces the interval for all. */
export function startStream(
  equipment: string,
  stream: LabLinkStreamType,
  intervalMs: number,
  extras: StreamExtras = {},
): string {
  return JSON.stringify({
    type: 'start_stream',
    equipment_id: equipment,
    stream_type: stream,
    interval_ms: clampInterval(intervalMs),
    ...extrasOf(extras),
  });
}

/** `stop_stream`. It stops it for everybody. */
export function stopStream(equipment: string, stream: LabLinkStreamType): string {
  return JSON.stringify({ type: 'stop_stream', equipment_id: equipment, stream_type: stream });
}

/** `start_acquisition_stream`: windows of the newest `samples`, again and again. */
export function startAcquisitionStream(
  acquisition: string,
  intervalMs: number,
  samples: number,
  extras: StreamExtras = {},
): string {
  return JSON.stringify({
    type: 'start_acquisition_stream',
    acquisition_id: acquisition,
    interval_ms: clampInterval(intervalMs),
    num_samples: Math.min(10_000, Math.max(1, Math.round(samples))),
    ...extrasOf(extras),
  });
}

export function stopAcquisitionStream(acquisition: string): string {
  return JSON.stringify({ type: 'stop_acquisition_stream', acquisition_id: acquisition });
}

export const PING = '{"type":"ping"}';

/** Of the enhanced socket only: the basic one is silent. */
export const GET_STATS = '{"type":"get_stats"}';

export function startRecording(session: string, metadata: Record<string, unknown>): string {
  return JSON.stringify({ type: 'start_recording', session_id: session, metadata });
}

export function stopRecording(session: string): string {
  return JSON.stringify({ type: 'stop_recording', session_id: session });
}

function extrasOf(extras: StreamExtras): StreamExtras {
  return {
    ...(extras.compression === undefined || extras.compression === 'none' ? {} : { compression: extras.compression }),
    ...(extras.priority === undefined ? {} : { priority: extras.priority }),
  };
}
