/** What to import; plain values, so that it can be sent to a worker. */
export interface ImportTask {
  path: string;
  /** The recordings folder. */
  folder: string;
  /** Where the recording is made before it appears; in that folder, so that it can be moved. */
  temporary: string;
  /** Absent: that of the file. */
  name?: string | undefined;
  /** Recordings that are in the folder: none of them is brought in twice. */
  known: readonly string[];
  appVersion: string;
}

export interface ImportResult {
  recording: string;
  /** Its files. */
  paths: string[];
  rows: number;
  /** What of the file is not in the recording, in sentences. */
  notes: string[];
}

export interface ImportWatch {
  signal?: AbortSignal | undefined;
  /** 0…1 */
  onProgress?: ((share: number) => void) | undefined;
}

/** One import under way. */
export interface ImportJob extends ImportTask {
  /** Tells how far it is, 0…1. @throws LabError call.cancelled */
  tick(share: number): void;
}
