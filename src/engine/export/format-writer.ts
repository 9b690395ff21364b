import type { ExportOptions } from '../../contract/export-schema.ts';
import type { Recording } from '../recording/recording.ts';
import type { ExportedChannel } from './exported-channel.ts';
import type { TimeRange } from './stream-cursor.ts';

/** What one format is asked to write. */
export interface FormatJob {
  recording: Recording;
  /** Those chosen, in the order of the recording; one at least. */
  channels: readonly ExportedChannel[];
  /** A person chose them; else they are all there are. */
  isChosen: boolean;
  range: TimeRange;
  options: ExportOptions;
  /** The file to make; it gets its name when it is whole. */
  path: string;
  /** That name. */
  out: string;
  /** Tells how far it is, 0…1. @throws LabError call.cancelled: someone wants it no more. */
  tick(share: number): void;
}

export interface Written {
  /** Rows of a table, rows of all streams, or messages. */
  rows: number;
  /** What the person should know about the file: what it could not hold. */
  notes: string[];
}

/** Writes one format. It makes the file at `path` and nothing else; on an error the caller removes that. */
export type FormatWriter = (job: FormatJob) => Promise<Written>;
