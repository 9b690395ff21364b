import { fits, shownBy } from '../../protocol/definition/answer.ts';
import type { ResolvedGroup, ResolvedLamp } from '../../protocol/definition/resolved.ts';
import type { DriverStatus } from './driver.ts';
import { askRound, type Question } from './question-round.ts';
import type { ScpiDialog } from './scpi-dialog.ts';

/** Reads the lamps of groups: all their questions in one round, then each lamp shows what its first row that holds says ('' if none does). */
export async function readLamps(
  dialog: ScpiDialog,
  groups: readonly ResolvedGroup[],
  signal: AbortSignal,
): Promise<DriverStatus> {
  const questions = groups.flatMap(({ select, lamps }) => lamps.flatMap((lamp) => questionsOf(lamp, select)));
  if (questions.length === 0) return {};
  const { texts } = await askRound(dialog, questions, { signal, priority: 'poll' });
  const status: DriverStatus = {};
  let next = 0;
  for (const lamp of groups.flatMap(({ lamps }) => lamps)) {
    const answers = lamp.rows.map(({ ask }) => (ask === undefined ? '' : (texts[next++] ?? '')));
    status[lamp.id] = shown(lamp, answers);
  }
  return status;
}

function questionsOf({ rows }: ResolvedLamp, select: readonly string[]): Question[] {
  return rows.flatMap((row) =>
    row.ask === undefined ? [] : [{ ask: row.ask, select, fits: (text: string) => fits(row, text) }],
  );
}

function shown({ rows }: ResolvedLamp, answers: readonly string[]): string {
  for (const [index, row] of rows.entries()) {
    const text = shownBy(row, answers[index] ?? '');
    if (text !== undefined) return text;
  }
  return '';
}
