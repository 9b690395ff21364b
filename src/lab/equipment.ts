import type { ControlValue, Identity, InstrumentShape } from '../core/instrument.ts';
import type { RowSource } from '../core/link-word.ts';
import type { ColumnInfo } from '../core/stream-info.ts';

/** A stream a server offers of one equipment. */
export interface StreamOffer {
  /** Name in the stream key: `readings`, `measurements`, `power`, `acq-1`. */
  name: string;
  /** As far as they are known before the first row. */
  columns: readonly ColumnInfo[];
  defaultIntervalMs: number;
  minIntervalMs: number;
  maxIntervalMs: number;
  /** Why it is not offered by itself on this server (a shipped server whose stream cuts others off); undefined: it is fine. */
  caution?: string | undefined;
}

/** One instrument of a server. Its id at the server never becomes a path or a URL without encoding. */
export interface Equipment {
  readonly id: string;
  /** A serial number the server does not know is ''. */
  readonly identity: Identity;
  readonly label: string;
  readonly shape: InstrumentShape;
  readonly streams: readonly StreamOffer[];
  /** The server's own word for how it is reached. */
  readonly resource: string;
  /** As last heard. */
  readonly isConnected: boolean;
  /** Hubs it came through, the one of its own bench first; absent: the server says nothing of it. */
  readonly via?: readonly string[] | undefined;
  /** Free words for the card: health, firmware, lock owner. */
  readonly status: Readonly<Record<string, string>>;
}

/** Rows in columns; all views are lent for the call. */
export interface LabRows {
  columns: readonly (Float64Array | Float32Array)[];
  rows: number;
  /** ns since 1970 of each row by our clock. */
  timesNs: BigInt64Array;
  /** How sure the times are; s. */
  uncertaintyS: number;
  source: RowSource;
  /** Rows known to be lost just before these, and why. */
  lost: number;
  reason?: string | undefined;
}

/** Takes what one stream delivers, in order of time: live rows wait while a hole is filled. It must not throw. */
export interface LabOutlet {
  /** Before the first rows and whenever columns or rate change; rate 0: they come when they come. */
  opened(info: { columns: readonly ColumnInfo[]; rateHz: number }): void;
  /** Taken when it returns: the bytes are acknowledged to the server then. */
  rows(rows: LabRows): void;
  /** Nothing is known of this time: `lost` rows if the server said so, else 0. The rows after it follow. */
  gap(gap: { fromNs: bigint; toNs: bigint; lost: number; reason: string }): void;
  /** How rows come now; `silent`: neither way gives any. */
  source(source: RowSource | 'silent', reason: string): void;
}

/** A stream that is wanted. Disposing stops it at the server, if nobody else here wants it. */
export interface LabStream extends AsyncDisposable {
  readonly key: string;
  setInterval(intervalMs: number): void;
  readonly stats: LabStreamStats;
}

export interface LabStreamStats {
  rows: number;
  duplicates: number;
  lost: number;
  /** Holes in the numbering that nothing explained: 0 on a good day. */
  unaccounted: number;
  filled: number;
  source: RowSource | 'silent';
  /** From source time to arrival, by the mapped clock; ms, NaN while unknown. */
  latencyMs: number;
  rateHz: number;
}

export interface LabWaveform {
  columns: readonly ColumnInfo[];
  samples: readonly Float32Array<ArrayBuffer>[];
  xOriginS: number;
  dtS: number;
  t0Ns: bigint;
}

export type Controls = Record<string, ControlValue>;
