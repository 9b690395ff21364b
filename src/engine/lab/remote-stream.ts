import { type RowSource, SOURCE_CODE } from '../../core/link-word.ts';
import type { ColumnInfo } from '../../core/stream-info.ts';
import type { LabOutlet, LabRows } from '../../lab/equipment.ts';
import type { StreamOutlet } from '../driver/driver.ts';

/** Column behind the channels of every stream of a lab server: how each row came (0 live, 1 polled, 2 filled in later). Provenance, no channel. */
export const SOURCE: ColumnInfo = { channel: '~source', unit: '' };

export interface RemoteStreamHost {
  nowNs(): bigint;
  /** How its rows come now. */
  came(source: RowSource | 'silent', reason: string): void;
}

/** Rows of one stream of a lab server on their way into a batch: the source's time, how sure it is, and how they came. */
export function createRemoteOutlet(stream: string, outlet: StreamOutlet, host: RemoteStreamHost): LabOutlet {
  let isOpen = false;
  return {
    opened({ columns }) {
      isOpen = true;
      // Rows bring their own times, whatever the rate asked: the server's clock and the way between are not the engine's.
      outlet.opened({ stream, columns: [...columns, SOURCE], rateHz: 0, float64: true });
    },
    rows(rows) {
      if (!isOpen || rows.rows === 0) return;
      const arrivedNs = host.nowNs();
      outlet.rows({
        stream,
        columns: [...rows.columns, new Float64Array(rows.rows).fill(SOURCE_CODE[rows.source])],
        rows: rows.rows,
        lost: rows.lost,
        arrivedNs,
        timesS: secondsAgo(rows, arrivedNs),
        uncertaintyS: rows.uncertaintyS,
      });
    },
    gap(gap) {
      if (isOpen) outlet.gap({ stream, ...gap });
    },
    source(source, reason) {
      if (source === 'silent' && isOpen) outlet.silent(stream);
      host.came(source, reason);
    },
  };
}

function secondsAgo({ timesNs, rows }: LabRows, arrivedNs: bigint): Float64Array {
  const times = new Float64Array(rows);
  for (let row = 0; row < rows; row++) times[row] = Number((timesNs[row] ?? arrivedNs) - arrivedNs) / 1e9;
  return times;
}
