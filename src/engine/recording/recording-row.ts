import type { RecordingInfo, RecordingRow } from '../../contract/recording-schema.ts';
import type { Recording } from './recording.ts';

const PREVIEW_COLUMNS = 64;

/** A recording as a line of the library. */
export function recordingRow(recording: Recording): RecordingRow {
  const { info } = recording;
  return {
    id: info.id,
    name: info.name,
    paths: info.paths,
    startedNs: String(info.startedNs),
    durationS: info.durationSeconds,
    bytes: info.bytes,
    instruments: info.instruments.map(({ id }) => id),
    channels: info.channels.length,
    state: stateOf(recording),
    ...(info.missing === '' ? {} : { reason: info.missing }),
    format: 'labwire',
    operator: info.operator,
    notes: info.notes,
    tags: info.tags,
    verified: null,
    uploaded: null,
    preview: previewOf(recording),
  };
}

/** A recording with all it holds, as screens get it. */
export function recordingInfo(recording: Recording): RecordingInfo {
  const { info } = recording;
  return {
    row: recordingRow(recording),
    complete: info.complete,
    fromNs: String(info.fromNs),
    toNs: String(info.toNs),
    appVersion: info.appVersion,
    bench: info.bench,
    clock: info.clock,
    thinned: info.thinned,
    instruments: info.instruments.map(({ id, idn, resource, firmware, calibrated, settings }) => ({
      id,
      idn,
      resource,
      firmware,
      calibrated,
      settings,
    })),
    channels: info.channels.map((channel) => {
      const { id, instrument, name, label, unit, shownUnit, scale, samples, rateHz, rateAskedHz, rateGotHz, range } =
        channel;
      return {
        id,
        instrument,
        name,
        label,
        unit,
        shownUnit: shownUnit || unit,
        scale,
        samples,
        rateHz: rateAskedHz || rateHz,
        rateGotHz: rateGotHz ?? (rateHz > 0 ? rateHz : null),
        range,
      };
    }),
    lost: info.lost,
    gaps: info.gaps.map(({ stream, fromNs, toNs, lost, reason }) => ({
      stream,
      fromNs: String(fromNs),
      toNs: String(toNs),
      lost,
      reason,
    })),
    events: info.events,
    missing: info.missing,
    notes: info.notes,
  };
}

function stateOf({ info, isRunning, parts }: Recording): RecordingRow['state'] {
  if (isRunning) return 'recording';
  if (info.lacksParts || parts.some((part) => part.problems.length > 0)) return 'damaged';
  if (parts.some((part) => !part.isFinished)) return 'interrupted';
  return info.interrupted ? 'recovered' : 'complete';
}

/** Min and max of the first channel over the whole recording; null where there is nothing. */
function previewOf(recording: Recording): RecordingRow['preview'] {
  const stream = recording.streams.find((candidate) => candidate.rows > 0 && candidate.info.kind !== 'segment');
  return stream ? recording.preview(stream, PREVIEW_COLUMNS) : [];
}
