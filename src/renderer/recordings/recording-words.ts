import type { RecordingRow } from '../../contract/recording-schema.ts';

/** The integrity of a recording as a word, never as a colour alone. */
export function recordingState(row: RecordingRow): { word: string; tone: 'ok' | 'warn' | 'bad' } {
  switch (row.state) {
    case 'recording':
      return { word: '● recording', tone: 'bad' };
    case 'complete':
      return { word: '✓ complete', tone: 'ok' };
    case 'recovered':
      return { word: `recovered${row.reason ? `: ${row.reason}` : ''}`, tone: 'warn' };
    case 'interrupted':
      return { word: `interrupted${row.reason ? `: ${row.reason}` : ''}`, tone: 'warn' };
    case 'damaged':
      return { word: `damaged${row.reason ? `: ${row.reason}` : ''}`, tone: 'bad' };
  }
}
