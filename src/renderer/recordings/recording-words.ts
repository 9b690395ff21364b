import type { RecordingFormat, RecordingRow } from '../../contract/recording-schema.ts';
import { msOf } from '../text-format.ts';

/** The integrity of a recording as a word, never as a colour alone; why is `reason`. */
export function recordingState(row: Pick<RecordingRow, 'state' | 'verified'>): {
  word: string;
  tone: 'ok' | 'warn' | 'bad';
} {
  switch (row.state) {
    case 'recording':
      return { word: '● recording', tone: 'bad' };
    case 'complete':
      if (row.verified?.ok === false) return { word: '✕ problems found', tone: 'bad' };
      return { word: '✓ complete', tone: 'ok' };
    case 'recovered':
    case 'interrupted':
      return { word: row.state, tone: 'warn' };
    case 'damaged':
      return { word: 'damaged', tone: 'bad' };
  }
}

/** Nothing of it can be read: it can be found and thrown away, and no more. */
export function isUnreadable(row: Pick<RecordingRow, 'format' | 'state' | 'channels'>): boolean {
  return row.format === 'labwire' && row.state === 'damaged' && row.channels === 0;
}

/** Colour 1…8 of a preview: of the recording, so that it stays when others come before it. */
export function previewColor(row: Pick<RecordingRow, 'startedNs'>): number {
  return (Math.floor(msOf(row.startedNs) / 1000) % 8) + 1;
}

/** Formats a recording can be written in. */
export const FORMAT_WORDS: Record<RecordingFormat, string> = {
  labwire: 'Labwire (MCAP)',
  'lablink-jsonl': 'LabLink JSON Lines',
  'lablink-json': 'LabLink JSON',
  'lablink-csv': 'LabLink CSV',
  'lablink-binary': 'LabLink binary',
};
