import type { ControlValue } from '../../core/instrument.ts';
import { isSameWord } from '../../protocol/definition/answer.ts';
import type { ResolvedChoice, ResolvedControl, ResolvedLimit } from '../../protocol/definition/resolved.ts';
import { ScpiError } from '../scpi/error-queue.ts';
import { number, within } from '../scpi/parameter.ts';

/** What `{value}` of a command means for its control. Throws the SCPI error of what cannot be. */
export function takenValue(control: ResolvedControl, text: string): ControlValue {
  const { kind, scale, resolution } = control;
  if (kind === 'switch') return switchValue(control, text);
  if (kind === 'choice' || kind === 'range') return chosen(control, text).choice;
  const quantity = number(control.unit.toUpperCase()).parse(text);
  const raw = typeof quantity === 'number' ? Number((quantity * scale).toPrecision(12)) : quantity;
  const value = within(raw, { min: least(control), max: most(control) });
  // The step of the instrument: finer is rounded.
  return resolution === undefined ? value : Number((Math.round(value / resolution) * resolution).toPrecision(12));
}

/** The number of a limit: what the simulated one has. */
export function limitNumber(limit: ResolvedLimit | undefined, otherwise: number): number {
  if (limit === undefined) return otherwise;
  return typeof limit === 'number' ? limit : limit.typical;
}

export function least({ min }: ResolvedControl): number {
  return limitNumber(min, -1e15);
}

export function most({ max }: ResolvedControl): number {
  return limitNumber(max, 1e15);
}

/** What a control is after *RST, as far as nothing else says. */
export function initialValue(control: ResolvedControl): ControlValue {
  const { kind, choices } = control;
  if (kind === 'number') return control.min === undefined ? 0 : Math.max(0, least(control));
  return kind === 'switch' ? false : (choices[0]?.choice ?? '');
}

/** How a choice is answered: its word, or, where the command for it has none, the first answer it is known by. */
export function answeredWord(control: ResolvedControl, { word, write, answers }: ResolvedChoice): string {
  const isSent = write.some((text) => text.includes('{value}'));
  const answer = isSent ? word : (answers[0] ?? word);
  const isQuoted = control.write.some((text) => /["']\{value\}["']/.test(text));
  return isQuoted ? `"${answer}"` : answer;
}

function switchValue({ on, off }: ResolvedControl, text: string): boolean {
  if (isSameWord(text, on)) return true;
  if (isSameWord(text, off)) return false;
  if (/^(ON|OFF|0|1)$/i.test(text)) return /^(ON|1)$/i.test(text);
  throw new ScpiError(/^[A-Z]/i.test(text) ? -224 : -104);
}

function chosen({ choices }: ResolvedControl, text: string): ResolvedChoice {
  const found = choices.find(({ word, answers }) => [word, ...answers].some((one) => isSameWord(one, text)));
  if (!found) throw new ScpiError(-224);
  return found;
}
