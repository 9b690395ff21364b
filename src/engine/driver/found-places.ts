import { isSameWord } from '../../protocol/definition/answer.ts';
import type { ResolvedChannel } from '../../protocol/definition/resolved.ts';
import { parseScpiString } from '../../protocol/scpi-number.ts';
import type { ExchangeOptions } from '../session/session.ts';
import { askRound } from './question-round.ts';
import { isWord, type ScpiDialog } from './scpi-dialog.ts';

/** A screen holds a dozen measurements or two; a longer list is none. */
const MAX_NAMES = 64;
/** `MEAS1`: a name with a number; NONE and an empty text are none. */
const NAME = /^[A-Z]+\d+$/i;

type Asked = ResolvedChannel & { select: readonly string[] };

/**
 * Finds, for channels that say `found`, which of the measurements on the instrument's screen is theirs, and puts its name into their question; channels
 * whose measurement is not there are left out. Nothing on the screen is changed. Asks nothing if no channel says `found`.
 */
export async function withFoundPlaces<T extends Asked>(
  dialog: ScpiDialog,
  channels: readonly T[],
  options: ExchangeOptions,
): Promise<T[]> {
  const lists = channels.flatMap(({ found, select }) => (found ? [{ ask: found.list, select }] : []));
  if (lists.length === 0) return [...channels];
  const { texts } = await askRound(dialog, lists, options);
  const names = new Map(lists.map(({ ask }, index) => [ask, namesIn(texts[index] ?? '')]));
  const questions = channels.flatMap(({ found, select }) =>
    (names.get(found?.list ?? '') ?? []).flatMap((name) =>
      (found?.is ?? []).map(({ ask }) => ({ ask: put(ask, name), select, fits: isWord })),
    ),
  );
  const answers = questions.length > 0 ? (await askRound(dialog, questions, options)).texts : [];
  const told = new Map(questions.map(({ ask }, index) => [ask, answers[index] ?? '']));
  return channels.flatMap((channel) => {
    const { found, read } = channel;
    if (!found) return [channel];
    const place = names
      .get(found.list)
      ?.find((name) =>
        found.is.every(({ ask, words }) =>
          words.some((word) => isSameWord(word, parseScpiString(told.get(put(ask, name)) ?? ''))),
        ),
      );
    return place === undefined ? [] : [{ ...channel, read: { ...read, ask: put(read.ask, place) } }];
  });
}

function namesIn(text: string): string[] {
  const names = parseScpiString(text)
    .split(',')
    .map((one) => one.trim());
  return names.filter((one) => NAME.test(one)).slice(0, MAX_NAMES);
}

function put(text: string, name: string): string {
  return text.replaceAll('{found}', name);
}
