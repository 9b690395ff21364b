import type { ExchangeOptions } from '../session/session.ts';
import type { Answers, ScpiDialog } from './scpi-dialog.ts';

/** One question of a round. */
export interface Question {
  ask: string;
  /** What selects the output it is about, where that is a state of the instrument. */
  select: readonly string[];
  /** Whether a text can be its answer. */
  fits?: (text: string) => boolean;
}

interface Batch {
  select: readonly string[];
  asks: string[];
  checks: ((text: string) => boolean)[][];
}

/**
 * Asks questions in as few messages as it takes; the same question is asked once. Answers come in the order of the questions; the times are
 * those of the first sent and the last received.
 */
export async function askRound(
  dialog: ScpiDialog,
  questions: readonly Question[],
  options: ExchangeOptions,
): Promise<Answers> {
  const batches = new Map<string, Batch>();
  const places = questions.map(({ ask, select, fits }) => {
    const key = select.join('\n');
    const batch = batches.get(key) ?? { select, asks: [], checks: [] };
    batches.set(key, batch);
    let at = batch.asks.indexOf(ask);
    if (at < 0) at = batch.asks.push(ask) - 1;
    const checks = batch.checks[at] ?? [];
    batch.checks[at] = fits ? [...checks, fits] : checks;
    return { key, at };
  });
  const answers = new Map<string, readonly string[]>();
  let sentNs: bigint | undefined;
  let receivedNs = 0n;
  for (const [key, { select, asks, checks }] of batches) {
    const check = (text: string, index: number): boolean => (checks[index] ?? []).every((fits) => fits(text));
    const part = await dialog.askSelected(select, asks, options, check);
    sentNs ??= part.sentNs;
    receivedNs = part.receivedNs;
    answers.set(key, part.texts);
  }
  return { texts: places.map(({ key, at }) => answers.get(key)?.[at] ?? ''), sentNs: sentNs ?? 0n, receivedNs };
}
