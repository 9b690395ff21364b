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

/** Min and max of the first channel over the whole recording, from the digests alone; null where there is nothing. */
function previewOf(recording: Recording): RecordingRow['preview'] {
  const stream = recording.streams.find((candidate) => candidate.rows > 0 && candidate.info.kind !== 'segment');
  if (!stream) return [];
  const spanNs = Number(stream.lastNs - stream.firstNs) + 1;
  const columns: RecordingRow['preview'] = new Array(PREVIEW_COLUMNS).fill(null);
  const indexOf = (timeNs: bigint): number => Math.floor((Number(timeNs - stream.firstNs) / spanNs) * PREVIEW_COLUMNS);
  const cells = recording.chunksOf(stream.info.id).flatMap(({ digest }) => digest.cells);
  for (const [number, cell] of cells.entries()) {
    const min = cell.min[0] ?? Number.NaN;
    const max = cell.max[0] ?? Number.NaN;
    if (Number.isNaN(min)) continue;
    // A cell reaches to the next one, unless there is a gap between them; the last one to the end.
    const next = cells[number + 1];
    const first = indexOf(cell.tNs);
    let last = first;
    if (next && !next.isAfterGap) last = Math.max(first, indexOf(next.tNs) - 1);
    else if (!next) last = PREVIEW_COLUMNS - 1;
    for (let at = Math.max(0, first); at <= Math.min(PREVIEW_COLUMNS - 1, last); at++) {
      const column = columns[at];
      columns[at] = column ? [Math.min(column[0], min), Math.max(column[1], max)] : [min, max];
    }
  }
  return columns;
}
