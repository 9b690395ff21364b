import type { BenchState } from '../../contract/bench-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { createDeferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import type { Attachment } from '../acquisition/attachment.ts';
import type { OutputOff } from '../driver/driver.ts';
import type { HostServices } from '../host-services.ts';
import type { EventLog } from '../state/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';
import type { InstrumentTable } from './instrument-table.ts';

/** A person waits with a hand on the mains switch: after that, what has not answered is shown as not confirmed; ms. */
const PATIENCE_MS = 1500;

type OutputsOffState = NonNullable<BenchState['outputsOff']>;
type Results = OutputsOffState['results'];

export interface OutputsParts {
  clock: Clock;
  board: StateBoard;
  events: EventLog;
  host: HostServices;
  instruments: InstrumentTable;
  /** A press disarms everything. */
  disarm(why: string): void;
}

/**
 * Outputs off: every output of every instrument at once, on the safety lane, each read back. What did not confirm stays on the screens until a later press
 * confirms it or a person releases it, also when its instrument is detached meanwhile; what is slow to answer is shown so before.
 *
 * A press while another is under way is a press: it ends what was ordered since, and switches off again what had answered already. Only an instrument that
 * has not answered yet is not asked twice at once. One that is being attached at the press is switched off as soon as it is there, within that patience. Of presses that overlap the last tells how it ended.
 */
export class OutputsDesk {
  readonly #parts: OutputsParts;
  /** Those that have not answered yet. */
  readonly #asked = new Map<Attachment, Promise<OutputOff[]>>();
  #last: object | undefined;

  constructor(parts: OutputsParts) {
    this.#parts = parts;
  }

  off(who: string): Promise<OutputsOffState> {
    this.#parts.disarm(`Outputs off (${who})`);
    const press = {};
    this.#last = press;
    const { all, opening } = this.#parts.instruments;
    return this.#off(who, all, opening, () => this.#last === press);
  }

  /** Those of some instruments only: a value was beyond its limit. */
  offOf(instruments: readonly string[], who: string): Promise<OutputsOffState> {
    const meant = this.#parts.instruments.all.filter(({ id }) => instruments.includes(id));
    return this.#off(who, meant, new Map(), () => true);
  }

  /** A person has seen to what did not confirm: it is shown no more. */
  release(who: string): void {
    const { board, events, clock } = this.#parts;
    const open = board.state.outputsOff?.results.filter(({ confirmed }) => !confirmed) ?? [];
    if (open.length === 0) return;
    const results = board.state.outputsOff?.results.filter(({ confirmed }) => confirmed) ?? [];
    board.publish('outputs.changed', { outputsOff: { t: String(clock.nowNs()), results } });
    events.add({
      kind: 'outputs-off',
      severity: 'warning',
      text: `${who} released: ${open.map(nameOf).join(', ')} did not confirm to be off`,
      data: { who, results: open },
    });
  }

  async #off(
    who: string,
    attachments: readonly Attachment[],
    opening: ReadonlyMap<string, Promise<Attachment>>,
    isToBeTold: () => boolean,
  ): Promise<OutputsOffState> {
    const { clock, board, events, host } = this.#parts;
    const switchable = attachments.filter(hasOutputs);
    const answers = new Map(switchable.map((attachment) => [attachment, unanswered(attachment)]));
    const asked = new Set(switchable.map(({ id }) => id));
    const stateNow = (): OutputsOffState => {
      // Of presses before, what did not confirm and is not asked now: detached meanwhile, or another instrument.
      const older = (board.state.outputsOff?.results ?? []).filter(
        ({ confirmed, instrument }) => !confirmed && !asked.has(instrument),
      );
      return { t: String(clock.nowNs()), results: [...[...answers.values()].flat(), ...older] };
    };
    const show = (): void => {
      if (isToBeTold()) board.publish('outputs.changed', { outputsOff: stateNow() });
    };
    let isLate = false;
    const ask = async (attachment: Attachment): Promise<void> => {
      const offs = await this.#ask(attachment);
      answers.set(
        attachment,
        offs.map((off) => ({ instrument: attachment.id, ...off })),
      );
      if (isLate) show();
    };
    const patience = createDeferred<'late'>();
    const impatience = clock.after(PATIENCE_MS, () => {
      patience.resolve('late');
      isLate = true;
      show();
    });
    const unreached: string[] = [];
    await Promise.all([
      ...switchable.map(ask),
      ...[...opening].map(async ([resource, attaching]) => {
        const opened = await Promise.race([attaching.catch(() => undefined), patience.promise]);
        if (opened === 'late') unreached.push(resource);
        if (opened === 'late' || !opened || !hasOutputs(opened) || answers.has(opened)) return;
        answers.set(opened, unanswered(opened));
        asked.add(opened.id);
        await ask(opened);
      }),
    ]);
    impatience[Symbol.dispose]();
    const state = stateNow();
    if (!isToBeTold()) return state;
    show();
    const open = state.results.filter(({ confirmed }) => !confirmed);
    const text =
      open.length === 0
        ? `Outputs off: ${state.results.length} confirmed`
        : `Outputs off NOT confirmed: ${open.map(nameWithReason).join(', ')}. Switch off by hand.`;
    const rest = unreached.length === 0 ? '' : ` Still being attached, and not asked: ${unreached.join(', ')}.`;
    events.add({
      kind: 'outputs-off',
      severity: open.length === 0 ? 'warning' : 'critical',
      text: text + rest,
      data: { who, results: state.results },
    });
    if (open.length > 0) host.notify({ title: 'Outputs off not confirmed', text, severity: 'critical' });
    return state;
  }

  /** Never rejects: a fault of the program is no confirmation. */
  #ask(attachment: Attachment): Promise<OutputOff[]> {
    const before = this.#asked.get(attachment);
    if (before) {
      attachment.endOrders();
      return before;
    }
    const answer = attachment
      .outputsOff()
      .catch((error: unknown) => {
        const reason = LabError.from(error).message;
        return unanswered(attachment).map(({ group }) => ({ group, confirmed: false, reason }));
      })
      .finally(() => this.#asked.delete(attachment));
    this.#asked.set(attachment, answer);
    return answer;
  }
}

function hasOutputs({ shape }: Attachment): boolean {
  return shape.controls.some(({ isOutput }) => isOutput);
}

function nameOf({ instrument, group }: Results[number]): string {
  return `${instrument} ${group}`.trim();
}

function nameWithReason(result: Results[number]): string {
  return `${nameOf(result)} (${result.reason ?? 'no answer'})`;
}

function unanswered({ id, shape }: Attachment): Results {
  const groups = new Set(shape.controls.flatMap(({ isOutput, group }) => (isOutput ? [group] : [])));
  return [...groups].map((group) => ({ instrument: id, group, confirmed: false, reason: 'no answer yet' }));
}
