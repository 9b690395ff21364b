import type { ServerStream } from '../../contract/server-schema.ts';

export interface DropLimits {
  /** Share of the rows of a window that may be lost. */
  share: number;
  windowMs: number;
}

const LIMITS: DropLimits = { share: 0.001, windowMs: 60_000 };

/** Looks at what a server loses: more than one row in a thousand of the last minute is said, once a minute at most. */
export class DropWatch {
  readonly #limits: DropLimits;
  #sinceMs: number | undefined;
  #before: { rows: number; lost: number } = { rows: 0, lost: 0 };

  constructor(limits: Partial<DropLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
  }

  /** At `nowMs` (monotonic); gives what to say, if a window has just ended with too many lost. */
  look(streams: readonly Pick<ServerStream, 'rows' | 'lost'>[], nowMs: number): string | undefined {
    const now = {
      rows: streams.reduce((sum, { rows }) => sum + rows, 0),
      lost: streams.reduce((sum, { lost }) => sum + lost, 0),
    };
    // Counters go back when streams are closed: what is left begins anew.
    const isAnew = this.#sinceMs === undefined || now.rows < this.#before.rows || now.lost < this.#before.lost;
    if (!isAnew && nowMs - (this.#sinceMs ?? nowMs) < this.#limits.windowMs) return undefined;
    const rows = now.rows - this.#before.rows;
    const lost = now.lost - this.#before.lost;
    this.#before = now;
    this.#sinceMs = nowMs;
    const share = lost / (rows + lost);
    if (isAnew || lost === 0 || !(share > this.#limits.share)) return undefined;
    return `${lost} of ${rows + lost} rows of the last minute did not come (${(share * 100).toFixed(1)} %). The gaps are marked; ask the server for fewer streams or a lower rate.`;
  }
}
