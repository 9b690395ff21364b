import type { SkipReason } from '../../protocol/lab/labwire-frame.ts';
import { graver } from '../delivery/skip.ts';
import type { RowCursor } from './row-cursor.ts';

/** What a client wants of rows that wait. */
export interface SheddingRules {
  /** Only the newest that is due: it takes the place of those before it. */
  isLatest: boolean;
  /** Older than that, by its own time, a row is not sent any more; ms. Undefined: however old. */
  maxAgeMs: number | undefined;
}

export const KEEP_ALL: Readonly<SheddingRules> = { isLatest: false, maxAgeMs: undefined };

/** Passes over rows of one client before their turn: those the ring let go, those that are too old, those a newer one makes worthless. */
export class RowShedding {
  rules: Readonly<SheddingRules>;
  /** Rows passed over because they were gone or too old. */
  lost = 0;
  /** Rows a newer one took the place of. */
  conflated = 0;
  readonly #nowNs: () => bigint;

  constructor(rules: Readonly<SheddingRules>, nowNs: () => bigint) {
    this.rules = rules;
    this.#nowNs = nowNs;
  }

  /** Gives the gravest reason; undefined: nothing was passed over. */
  shed(cursor: RowCursor): SkipReason | undefined {
    const { isLatest, maxAgeMs } = this.rules;
    let reason: SkipReason | undefined;
    const note = (rows: number, why: SkipReason): void => {
      if (rows <= 0) return;
      if (why === 'conflated') this.conflated += rows;
      else this.lost += rows;
      reason = reason === undefined ? why : graver(reason, why);
    };
    note(cursor.passLost(), isLatest ? 'conflated' : 'overflow');
    if (maxAgeMs !== undefined) {
      const old = cursor.before(this.#nowNs() - BigInt(Math.round(maxAgeMs * 1e6)));
      cursor.pass(old);
      note(old, 'expired');
    }
    if (isLatest) {
      const before = cursor.waiting - 1;
      cursor.pass(before);
      note(before, 'conflated');
    }
    return reason;
  }
}
