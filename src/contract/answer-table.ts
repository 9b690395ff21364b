import type { Clock } from '../core/clock.ts';
import { LabError } from '../core/errors.ts';

export interface AnswerTableOptions {
  /** How long an answer is kept, from the first call on; ms. Default 10 min. */
  keepMs?: number;
  /** Answers kept at once; the oldest that is done goes first. Default 1000. */
  most?: number;
  /** Characters of all answers kept. Default 16 Mi. */
  mostChars?: number;
}

/** A call that may come twice. */
export interface RepeatableCall {
  caller: string;
  idem: string;
  name: string;
  input: unknown;
  /** Ends the waiting of this call, never the first one. */
  signal: AbortSignal;
}

interface Kept {
  readonly name: string;
  readonly inputHash: string;
  readonly untilMs: number;
  readonly answer: Promise<unknown>;
  isDone: boolean;
  chars: number;
}

/** Refusals that came before anything was begun: the next try may be carried out. */
const NOT_BEGUN: readonly string[] = ['call.expired', 'call.limit', 'instrument.locked', 'share.off'];

/**
 * Answers of calls that may come twice, because their caller did not hear the first one: each is carried out once, and whoever asks again gets the same
 * answer, error or not; while the first one runs it is waited for. One table for all links of an engine, for the second call may come over another.
 */
export class AnswerTable {
  readonly #clock: Clock;
  readonly #keepMs: number;
  readonly #most: number;
  readonly #mostChars: number;
  /** In order of their first call, which is that of their end. */
  readonly #kept = new Map<string, Kept>();
  #chars = 0;

  constructor(clock: Clock, { keepMs = 600_000, most = 1000, mostChars = 16 * 1024 * 1024 }: AnswerTableOptions = {}) {
    this.#clock = clock;
    this.#keepMs = keepMs;
    this.#most = most;
    this.#mostChars = mostChars;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Throws call.invalid when the same `idem` came with another call or input, call.limit when all places are taken by calls under way, and what the first one threw. */
  take(call: RepeatableCall, carryOut: () => unknown): Promise<unknown> {
    this.#expire();
    const key = JSON.stringify([call.caller, call.idem]);
    const inputHash = hashOf(JSON.stringify(call.input));
    const known = this.#kept.get(key);
    if (!known) return this.#begin(key, call.name, inputHash, carryOut);
    if (known.name !== call.name || known.inputHash !== inputHash) {
      throw new LabError(
        'call.invalid',
        `The idem of this ${call.name} was used for another call (${known.name}) less than ${this.#keepMs / 60_000} min ago. Nothing was done. Use a new one for each call.`,
      );
    }
    return known.isDone ? known.answer : unlessAborted(known.answer, call.signal);
  }

  #begin(key: string, name: string, inputHash: string, carryOut: () => unknown): Promise<unknown> {
    if (this.#kept.size >= this.#most) this.#dropOldest();
    if (this.#kept.size >= this.#most) {
      throw new LabError(
        'call.limit',
        `${this.#most} calls with an idem are under way. ${name} was not begun. Try again.`,
      );
    }
    // A handler that throws at once is an answer, too.
    const answer = (async () => carryOut())();
    const untilMs = this.#clock.monotonicMs() + this.#keepMs;
    const kept: Kept = { name, inputHash, untilMs, answer, isDone: false, chars: 0 };
    this.#kept.set(key, kept);
    answer.then(
      (output) => this.#done(kept, JSON.stringify(output)?.length ?? 0),
      (error: unknown) => {
        const { code, message } = LabError.from(error);
        if (NOT_BEGUN.includes(code)) this.#drop(key, kept);
        else this.#done(kept, message.length);
      },
    );
    return answer;
  }

  #done(kept: Kept, chars: number): void {
    kept.isDone = true;
    kept.chars = chars;
    this.#chars += chars;
    while (this.#chars > this.#mostChars && this.#dropOldest());
  }

  #expire(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, kept] of this.#kept) {
      if (kept.untilMs > nowMs) return;
      // One that has not ended by then is waited for no longer.
      this.#drop(key, kept);
    }
  }

  #dropOldest(): boolean {
    for (const [key, kept] of this.#kept) {
      if (!kept.isDone) continue;
      this.#drop(key, kept);
      return true;
    }
    return false;
  }

  #drop(key: string, kept: Kept): void {
    if (this.#kept.get(key) !== kept) return;
    this.#kept.delete(key);
    this.#chars -= kept.chars;
    kept.chars = 0;
  }
}

/** Two lanes of FNV-1a, to know an input again without keeping it: it may hold a password. */
function hashOf(text: string): string {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x5bd1e995) ^ (high >>> 15);
  }
  return `${text.length}:${(low >>> 0).toString(16)}:${(high >>> 0).toString(16)}`;
}

function unlessAborted(answer: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
