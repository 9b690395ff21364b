import type { ControlValue } from '../../core/instrument.ts';
import { isSameWord } from '../../protocol/definition/answer.ts';
import type { LampCase, Reading } from '../../protocol/definition/answer-schema.ts';
import type {
  ResolvedChannel,
  ResolvedControl,
  ResolvedFunction,
  ResolvedGroup,
  ResolvedLamp,
  ResolvedLimit,
  ResolvedUnit,
} from '../../protocol/definition/resolved.ts';
import { type Claim, composeAnswer } from './compose-answer.ts';
import type { DefinitionModel } from './definition-model.ts';
import { numberText } from './number-text.ts';
import { answeredWord, limitNumber, takenValue } from './simulated-control.ts';

/** A question the instrument answers, as the definition writes it. */
export interface SimulatedQuestion {
  text: string;
  group: ResolvedGroup;
  answer(): string;
}

/** A command it obeys; `{value}` stands for what is set. */
export interface SimulatedOrder {
  text: string;
  group: ResolvedGroup;
  /** Several orders may have the same text: this is the one meant at present (the function in force). Absent: always. */
  isMeant?: (() => boolean) | undefined;
  /** Throws the SCPI error of a refusal. */
  obey(value: string): void;
}

/** Where a control's value is kept. */
interface Keeping {
  get(): ControlValue;
  set(value: ControlValue): void;
  /** The range in force, also while ranging is automatic. */
  range(): string;
  isMeant?: () => boolean;
}

/** Everything a definition says can be asked and ordered of one instrument. */
export class DefinitionExchanges {
  readonly orders: SimulatedOrder[] = [];
  readonly #model: DefinitionModel;
  /** Question for the list → the measurements in it. */
  readonly #onScreen = new Map<string, string[]>();
  readonly #claims = new Map<string, { text: string; group: ResolvedGroup; claims: (() => Claim)[] }>();

  constructor(model: DefinitionModel) {
    this.#model = model;
    const { groups, functions, definition } = model.family;
    const [whole] = groups;
    if (!whole) return;
    for (const group of groups) this.#addGroup(group);
    for (const one of functions) this.#addFunction(one, whole);
    const { functions: meter, simulation, opened, local, remote, requires } = definition;
    for (const { ask, is } of requires) this.#claim(ask, whole, () => word(is[0] ?? ''));
    if (meter) {
      this.#claim(meter.ask, whole, () => this.#functionClaim());
      if (meter.trigger) this.#claim(meter.trigger.ask, whole, () => word(meter.trigger?.free[0] ?? ''));
    }
    for (const text of [...opened, ...[local ?? []].flat(), ...[remote ?? []].flat()])
      this.#order(text, whole, () => {});
    for (const [ask, answer] of Object.entries(simulation.answers)) this.#addAnswer(ask, answer);
  }

  get questions(): SimulatedQuestion[] {
    const { booleans } = this.#model.family.definition.simulation;
    return [...this.#claims.values()].map(({ text, group, claims }) => ({
      text,
      group,
      answer: () =>
        composeAnswer(
          claims.map((claim) => claim()),
          booleans,
        ),
    }));
  }

  #addGroup(group: ResolvedGroup): void {
    const model = this.#model;
    for (const text of group.select) this.#order(text, undefined, () => model.select(text), group);
    for (const control of group.controls) {
      this.#addControl(control, group, {
        get: () => model.get(control),
        set: (value) => model.set(control, value),
        range: () => String(model.get(control)),
      });
    }
    for (const { read, key, unit, select, named, found } of group.channels) {
      // What selects the source of measurements is a state of its own, beside the selected output.
      const place = { ...group, select: [...group.select, ...select] };
      for (const text of select) this.#order(text, undefined, () => model.select(text), place);
      const ask = found ? this.#putOnScreen(found, read.ask) : read.ask;
      this.#claim(ask, place, () => ({
        kind: 'text',
        part: named ? { ...read, field: this.#fieldOf(named) } : read,
        text: this.#measured(model.measure(group.group, key) / (read.scale ?? 1), read),
        isSure: true,
      }));
      this.#addUnit(unit, group);
    }
    if (group.waveform) this.#addUnit(group.waveform.unit, group);
    for (const lamp of group.lamps) this.#addLamp(lamp, group);
  }

  /** A measurement a person put on the screen: it is in the list, and tells what it is of. Gives the question for its value. */
  #putOnScreen({ list, is, typical }: NonNullable<ResolvedChannel['found']>, ask: string): string {
    const [whole] = this.#model.family.groups;
    const shown = this.#onScreen.get(list) ?? [];
    const name = `${typical}${shown.push(typical)}`;
    if (whole && !this.#onScreen.has(list))
      this.#claim(list, whole, () => word(shown.map((one, index) => `${one}${index + 1}`).join(',')));
    this.#onScreen.set(list, shown);
    for (const { ask: question, words } of is)
      if (whole) this.#claim(question.replaceAll('{found}', name), whole, () => word(words[0] ?? ''));
    return ask.replaceAll('{found}', name);
  }

  #addFunction(one: ResolvedFunction, whole: ResolvedGroup): void {
    const { meter } = this.#model;
    for (const text of one.write) this.#order(text, whole, () => meter.select(one));
    this.#claim(one.reading.ask, whole, () => {
      // Where all functions share the question, it is that in force.
      const meant = meter.functions.every(({ reading }) => reading.ask === one.reading.ask) ? meter.selected : one;
      const value = meter.read(meant ?? one) / (one.reading.scale ?? 1);
      return { kind: 'text', part: one.reading, text: this.#number(value), isSure: true };
    });
    for (const control of one.controls) {
      this.#addControl(control, whole, {
        get: () => meter.get(control),
        set: (value) => meter.set(control, value),
        range: () => meter.rangeOf(one, control),
        isMeant: () => meter.selected === one,
      });
    }
  }

  #addControl(control: ResolvedControl, group: ResolvedGroup, state: Keeping): void {
    const { kind, read, auto, choices, write, writeOff, min, max } = control;
    const { isMeant } = state;
    // One value for all it is kept apart by: the bench has one trigger.
    const words = this.#wordsOf(control);
    const claim = (ask: string, make: () => Claim): void => {
      for (const by of words)
        this.#claim(ask.replaceAll('{by}', by), group, () => (isMeant?.() === false ? unsure(make()) : make()));
    };
    const order = (texts: readonly string[], obey: (value: string) => void): void => {
      for (const by of words)
        this.#addOrders(
          texts.map((text) => text.replaceAll('{by}', by)),
          group,
          obey,
          isMeant,
        );
    };
    if (read) claim(read.ask, () => this.#settingClaim(control, kind === 'range' ? state.range() : state.get()));
    if (auto) {
      claim(auto.read.ask, () => ({ ...word(this.#autoText(auto.read, state.get() === 'auto')), part: auto.read }));
      order(auto.write, () => state.set('auto'));
    }
    for (const limit of [min, max]) this.#addLimit(limit, group);
    for (const choice of choices) {
      if (!choice.write.some((text) => write.includes(text))) order(choice.write, () => state.set(choice.choice));
      if (!choice.first) continue;
      claim(choice.first.ask, () => unsure(word('0')));
      order(choice.first.write, () => {});
    }
    if (writeOff) {
      order(write, () => state.set(true));
      order(writeOff, () => state.set(false));
    } else {
      order(write, (text) => state.set(kind === 'action' ? true : takenValue(control, text)));
    }
  }

  /** Of several commands the last with the value counts (else the last): those before it prepare. Actions do all they say. */
  #addOrders(
    texts: readonly string[],
    group: ResolvedGroup,
    obey: (value: string) => void,
    isMeant: (() => boolean) | undefined,
  ): void {
    const withValue = texts.findLastIndex((text) => text.includes('{value}'));
    const counting = withValue >= 0 ? withValue : texts.length - 1;
    for (const [index, text] of texts.entries()) {
      this.orders.push({ text, group, isMeant, obey: index === counting ? obey : () => {} });
    }
  }

  #settingClaim(control: ResolvedControl, value: ControlValue): Claim {
    const { kind, choices, scale } = control;
    const read: Partial<Reading> = control.read ?? {};
    if (kind === 'switch') {
      const part = { ...read };
      if (part.bit !== undefined || part.mask !== undefined) return { kind: 'bit', part, on: value === true };
      return { kind: 'text', part, text: this.#switchText(control, value === true), isSure: true };
    }
    if (kind === 'number') {
      const text = this.#number(Number((Number(value) / (read.scale ?? scale)).toPrecision(12)));
      return { kind: 'text', part: read, text, isSure: true };
    }
    const choice = choices.find((one) => one.choice === value);
    const text = choice ? answeredWord(control, choice) : String(value);
    if (read.bit !== undefined || read.mask !== undefined) return { kind: 'bit', part: read, on: text === '1' };
    // Ranges are numbers like all others.
    return {
      kind: 'text',
      part: read,
      text: kind === 'range' && isNumeric(text) ? this.#number(Number(text)) : text,
      isSure: true,
    };
  }

  #switchText({ on, off }: ResolvedControl, isOn: boolean): string {
    const isPlain = /^(ON|1)$/i.test(on) && /^(OFF|0)$/i.test(off);
    return isPlain ? this.#boolean(isOn) : isOn ? on : off;
  }

  /** Ranging may be told by a word (`AUTO`) instead of a boolean. */
  #autoText({ is }: Partial<Reading>, isAuto: boolean): string {
    if (is === undefined || typeof is === 'boolean') return this.#boolean(isAuto !== (is === false));
    return isAuto ? ([is].flat()[0] ?? '') : '0';
  }

  #functionClaim(): Claim {
    const { selected } = this.#model.meter;
    const { definition } = this.#model.family;
    const text = selected?.word ?? '';
    const isQuoted = [definition.functions?.write ?? []].flat().some((one) => /["']\{word\}["']/.test(one));
    return word(isQuoted ? `"${text}"` : text);
  }

  /** Which field a channel stands in, by the answers that name the fields; 1 if none does. */
  #fieldOf({ asks, is }: NonNullable<ResolvedChannel['named']>): number {
    const names = asks.flatMap(
      (ask) =>
        this.questions
          .find(({ text }) => text === ask)
          ?.answer()
          .split(',') ?? [],
    );
    return (
      Math.max(
        0,
        names.findLastIndex((name) => is.some((one) => isSameWord(one, name))),
      ) + 1
    );
  }

  /** What may stand for `{by}`. */
  #wordsOf({ by, as }: ResolvedControl): string[] {
    if (as) return Object.values(as);
    const controls = this.#model.family.groups.flatMap((group) => group.controls);
    return controls.find(({ id }) => id === by)?.choices.map(({ word: text }) => text) ?? [''];
  }

  #addLamp(lamp: ResolvedLamp, group: ResolvedGroup): void {
    for (const [index, row] of lamp.rows.entries()) {
      if (row.ask === undefined) continue;
      this.#claim(row.ask, group, () => {
        const shown = this.#model.lamp(lamp);
        return { kind: 'row', row, mustHold: rowShowing(lamp.rows, shown) === index, shown };
      });
    }
  }

  #addLimit(limit: ResolvedLimit | undefined, group: ResolvedGroup): void {
    if (typeof limit !== 'object') return;
    this.#claim(limit.ask, group, () => ({
      ...word(this.#number(Number((limitNumber(limit, 0) / (limit.scale ?? 1)).toPrecision(12)))),
      part: limit,
    }));
  }

  #addUnit(unit: ResolvedUnit, group: ResolvedGroup): void {
    if (typeof unit === 'object') this.#claim(unit.ask, group, () => word(unit.typical));
  }

  /** `{n}` in question or answer stands for every group; `{voltage.set}` for what is set or measured there. */
  #addAnswer(ask: string, answer: string): void {
    const [whole, ...others] = this.#model.family.groups;
    const isRepeated = ask.includes('{n}');
    for (const group of isRepeated ? others : whole ? [whole] : []) {
      const put = (text: string): string => text.replaceAll('{n}', String(group.n));
      this.#claim(put(ask), group, () => ({
        ...word(put(answer).replace(/\{([a-z][a-z0-9.]*)\}/g, (_, key: string) => this.#valueText(group, key))),
        isSure: false,
      }));
    }
  }

  #valueText(group: ResolvedGroup, key: string): string {
    const control = group.controls.find((one) => one.key === key);
    if (!control) return this.#number(this.#model.measure(group.group, key));
    const claim = this.#settingClaim(control, this.#model.get(control));
    return claim.kind === 'text' ? claim.text : '';
  }

  #claim(text: string, group: ResolvedGroup, claim: () => Claim): void {
    const key = [...group.select, text].join('\n');
    const known = this.#claims.get(key);
    if (known) known.claims.push(claim);
    else this.#claims.set(key, { text, group, claims: [claim] });
  }

  #order(
    text: string,
    group: ResolvedGroup | undefined,
    obey: (value: string) => void,
    selected?: ResolvedGroup,
  ): void {
    const place = group ?? (selected ? { ...selected, select: [] } : undefined);
    if (place) this.orders.push({ text, group: place, obey });
  }

  /** A number, or the family's word for none. */
  #measured(value: number, { missing }: Partial<Reading>): string {
    const words = [missing ?? []].flat();
    return Number.isFinite(value) || words[0] === undefined ? this.#number(value) : words[0];
  }

  #number(value: number): string {
    return numberText(value, this.#model.family.definition.simulation.numbers);
  }

  #boolean(on: boolean): string {
    return this.#model.family.definition.simulation.booleans[on ? 1 : 0];
  }
}

/** Which row of a lamp shows that; -1: none, so none holds. */
function rowShowing(rows: readonly LampCase[], shown: string): number {
  return rows.findIndex((row) => {
    if (row.words) return Object.values(row.words).includes(shown);
    if (row.flags) return shown !== '' && shown.split(' ').every((one) => Object.values(row.flags ?? {}).includes(one));
    if (row.show !== undefined) return row.show === shown;
    return row.is === undefined && row.bit === undefined && row.mask === undefined;
  });
}

function word(text: string): Claim & { kind: 'text' } {
  return { kind: 'text', part: {}, text, isSure: true };
}

function unsure(claim: Claim): Claim {
  return claim.kind === 'text' ? { ...claim, isSure: false } : claim;
}

function isNumeric(text: string): boolean {
  return text !== '' && Number.isFinite(Number(text));
}
