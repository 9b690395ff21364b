import { LabError } from '../../core/errors.ts';
import { isSameWord, numberIn } from '../../protocol/definition/answer.ts';
import type { ResolvedFamily, ResolvedLimit, ResolvedUnit } from '../../protocol/definition/resolved.ts';
import { parseScpiString } from '../../protocol/scpi-number.ts';
import { askRound, type Question } from './question-round.ts';
import type { ScpiDialog } from './scpi-dialog.ts';

/** What a definition leaves to the instrument to tell. */
export interface Facts {
  limit(limit: ResolvedLimit, select: readonly string[]): number | undefined;
  unit(unit: ResolvedUnit, select: readonly string[]): string;
}

/**
 * Asks for every limit and unit that is a question, in one round. What this one does not answer (an older firmware) is taken from the definition, and
 * reported. Throws the errors of the session but those of a single answer.
 */
export async function askFacts(
  dialog: ScpiDialog,
  family: ResolvedFamily,
  report: (error: LabError) => void,
): Promise<Facts> {
  const questions = questionsOf(family);
  const texts = await askAll(dialog, questions, report);
  const answerTo = (ask: string, select: readonly string[]): string | undefined => {
    const place = questions.findIndex((one) => one.ask === ask && one.select.join('\n') === select.join('\n'));
    return texts[place];
  };
  return {
    limit(limit, select) {
      if (typeof limit === 'number') return limit;
      const text = answerTo(limit.ask, select);
      const value = text === undefined ? limit.typical : numberIn(text, limit);
      return value !== undefined && Number.isFinite(value) ? value : undefined;
    },
    unit(unit, select) {
      if (typeof unit === 'string') return unit;
      const word = parseScpiString(answerTo(unit.ask, select) ?? unit.typical);
      return Object.entries(unit.words).find(([said]) => isSameWord(said, word))?.[1] ?? '';
    },
  };
}

function questionsOf(family: ResolvedFamily): Question[] {
  const questions: Question[] = [];
  const add = (fact: ResolvedLimit | ResolvedUnit | undefined, select: readonly string[]): void => {
    if (typeof fact !== 'object') return;
    const fits = 'words' in fact ? isAnyWord : (text: string) => numberIn(text, fact) !== undefined;
    questions.push({ ask: fact.ask, select, fits });
  };
  for (const { select, controls, channels, waveform } of family.groups) {
    for (const { min, max } of controls) for (const limit of [min, max]) add(limit, select);
    for (const { unit } of channels) add(unit, select);
    add(waveform?.unit, select);
  }
  return questions;
}

async function askAll(
  dialog: ScpiDialog,
  questions: readonly Question[],
  report: (error: LabError) => void,
): Promise<readonly (string | undefined)[]> {
  if (questions.length === 0) return [];
  try {
    return (await askRound(dialog, questions, {})).texts;
  } catch (error) {
    if (!isUnanswered(error)) throw error;
  }
  const answers: (string | undefined)[] = [];
  for (const question of questions) answers.push(await askOne(dialog, question, report));
  return answers;
}

async function askOne(
  dialog: ScpiDialog,
  question: Question,
  report: (error: LabError) => void,
): Promise<string | undefined> {
  try {
    return (await askRound(dialog, [question], {})).texts[0];
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    // Its complaint is about this question, not about what comes next.
    await dialog.explain(question.ask);
    report(
      new LabError(
        'driver.unsupported',
        `The instrument does not answer '${question.ask}'; what its manual says is taken instead. Check the limits shown before relying on them.`,
        { ask: question.ask },
      ),
    );
    return undefined;
  }
}

function isUnanswered(error: unknown): boolean {
  return ['transport.timeout', 'protocol.malformed'].includes(LabError.from(error).code);
}

function isAnyWord(text: string): boolean {
  return /^[\x21-\x7e][\x20-\x7e]{0,60}$/.test(text.trim());
}
