import { LabError } from '../../core/errors.ts';
import type { Control, ControlValue } from '../../core/instrument.ts';
import { isSameWord } from '../../protocol/definition/answer.ts';
import { askRound, type Question } from './question-round.ts';
import type { ScpiDialog } from './scpi-dialog.ts';

/** A control and how the dialect reads and writes it. */
export interface ControlRow {
  control: Control;
  /** Query of the read-back; absent for actions. */
  read?: string | undefined;
  /** A second query, where one does not tell the whole (a range, and whether it is automatic). */
  readMore?: string | undefined;
  /** Whether a text can be the answer to `read`; default: `parse` makes something of it. */
  fits?(text: string): boolean;
  /** Undefined: the answer says nothing this control can be. `more` answers `readMore`. */
  parse(text: string, more: string): ControlValue | undefined;
  write(value: ControlValue): string[];
  /** Controls that may move with it; read back together. */
  touches?: readonly string[] | undefined;
  /** Sent before reading and writing, in the same transaction. */
  select?: readonly string[] | undefined;
  /** Id of the choice whose word stands for `{by}` in what is asked and sent; it is asked first. */
  by?: string | undefined;
  /** Choice of `by` → what is put, where that is not its word. */
  as?: Readonly<Record<string, string>> | undefined;
  /** Of a choice: the word of the dialect for it. */
  word?(value: ControlValue): string | undefined;
  /** What must go before: asked, and if the answer is one of `is`, `write` is sent first. */
  first?(value: ControlValue): { ask: string; is: readonly string[]; write: readonly string[] } | undefined;
}

/** The controls of one instrument: checks, writes, reads back. */
export class ControlTable {
  readonly #rows: Map<string, ControlRow>;
  readonly #dialog: ScpiDialog;

  constructor(rows: readonly ControlRow[], dialog: ScpiDialog) {
    this.#rows = new Map(rows.map((row) => [row.control.id, row]));
    this.#dialog = dialog;
  }

  get controls(): Control[] {
    return [...this.#rows.values()].map(({ control }) => control);
  }

  /** Read-back of those named (default all). Throws the errors of the session; `protocol.malformed` for an answer that is none. */
  async read(ids: readonly string[] | undefined, signal: AbortSignal): Promise<Record<string, ControlValue>> {
    const asked = [...this.#rows.values()].filter(({ control, read }) => read && (!ids || ids.includes(control.id)));
    const chosen = await this.#chosen(asked, signal);
    const rows = asked.filter((row) => row.by === undefined || this.#wordFor(row, chosen) !== undefined);
    if (rows.length === 0) return {};
    const questions = rows.flatMap((row): Question[] => {
      const { readMore, select = [] } = row;
      const read = put(row.read ?? '', this.#wordFor(row, chosen));
      const fits = (text: string): boolean =>
        row.fits?.(text) ?? (readMore !== undefined || row.parse(text, '') !== undefined);
      return [{ ask: read, select, fits }, ...(readMore === undefined ? [] : [{ ask: readMore, select }])];
    });
    const { texts } = await askRound(this.#dialog, questions, { signal, priority: 'poll' });
    const values: Record<string, ControlValue> = {};
    let next = 0;
    rows.forEach((row) => {
      const value = row.parse(texts[next++] ?? '', row.readMore === undefined ? '' : (texts[next++] ?? ''));
      if (value !== undefined) values[row.control.id] = value;
    });
    return values;
  }

  /** Throws `call.invalid` before anything is sent, `instrument.rejected` after. Gives the read-back. */
  async set(id: string, value: ControlValue, signal: AbortSignal): Promise<Record<string, ControlValue>> {
    const row = this.#rows.get(id);
    if (!row) throw new LabError('call.invalid', `This instrument has no control '${id}'. Nothing was sent.`, { id });
    checkValue(row.control, value);
    const { select = [] } = row;
    const word = this.#wordFor(row, await this.#chosen([row], signal));
    if (row.by !== undefined && word === undefined) {
      const { label } = row.control;
      throw new LabError(
        'call.invalid',
        `${label} is kept apart for each ${row.by}, and the one chosen has none. Choose another first. Nothing was sent.`,
        { id, by: row.by },
      );
    }
    const before = await this.#before(row, value, signal);
    await this.#dialog.change([...before, ...row.write(value).map((text) => put(text, word))], { signal }, select);
    return this.read([id, ...(row.touches ?? [])], signal);
  }

  /**
   * The commands that give a control a value, what selects its output first; where they depend on another choice, those of all its choices.
   * Undefined: no such control.
   */
  writes(id: string, value: ControlValue): string[] | undefined {
    const row = this.#rows.get(id);
    if (!row) return undefined;
    const choices = row.by === undefined ? [] : (this.#rows.get(row.by)?.control.choices ?? []);
    const words = choices.flatMap((choice) => this.#wordFor(row, new Map([[row.by ?? '', choice]])) ?? []);
    const texts = row.write(value);
    const written = row.by === undefined ? texts : words.flatMap((word) => texts.map((text) => put(text, word)));
    return [...(row.select ?? []), ...written];
  }

  /** What is put for `{by}` in a row; undefined: it depends on no choice, or what is chosen has nothing for it. */
  #wordFor({ by, as }: ControlRow, chosen: ReadonlyMap<string, ControlValue>): string | undefined {
    const value = by === undefined ? undefined : chosen.get(by);
    if (by === undefined || value === undefined) return undefined;
    return as ? as[String(value)] : this.#rows.get(by)?.word?.(value);
  }

  /** What each choice is that rows depend on; one that says none of its choices is not in it. */
  async #chosen(rows: readonly ControlRow[], signal: AbortSignal): Promise<Map<string, ControlValue>> {
    const chosen = new Map<string, ControlValue>();
    for (const id of new Set(rows.flatMap(({ by }) => by ?? []))) {
      const row = this.#rows.get(id);
      if (row?.read === undefined) continue;
      const question = { ask: row.read, select: row.select ?? [] };
      const { texts } = await askRound(this.#dialog, [question], { signal, priority: 'poll' });
      const value = row.parse(texts[0] ?? '', '');
      if (value !== undefined) chosen.set(id, value);
    }
    return chosen;
  }

  async #before(row: ControlRow, value: ControlValue, signal: AbortSignal): Promise<readonly string[]> {
    const first = row.first?.(value);
    if (!first) return [];
    const { texts } = await this.#dialog.askSelected(row.select ?? [], [first.ask], { signal });
    return first.is.some((word) => isSameWord(word, texts[0] ?? '')) ? first.write : [];
  }
}

function put(text: string, word = ''): string {
  return text.replaceAll('{by}', word);
}

function checkValue(control: Control, value: ControlValue): void {
  const { kind, label, unit = '', min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = control;
  const fail = (why: string): never => {
    throw new LabError('call.invalid', `${label} ${String(value)}: ${why}. Nothing was sent.`, { id: control.id });
  };
  if (kind === 'switch' && typeof value !== 'boolean') fail('it is switched on or off');
  if (kind === 'choice' && !control.choices?.includes(String(value))) {
    fail(`choose one of ${(control.choices ?? []).join(', ')}`);
  }
  if (kind !== 'number') return;
  if (typeof value !== 'number' || !Number.isFinite(value)) fail('it takes a number');
  if (Number(value) < min || Number(value) > max) fail(`the instrument takes ${min} to ${max} ${unit}`.trim());
}
