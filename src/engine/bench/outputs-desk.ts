import type { BenchState } from '../../contract/bench-schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { Attachment } from '../acquisition/attachment.ts';
import type { HostServices } from '../host-services.ts';
import type { EventLog } from '../state/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';
import type { InstrumentTable } from './instrument-table.ts';

/** A person waits with a hand on the mains switch: after that, what has not answered is shown as not confirmed; ms. */
const PATIENCE_MS = 1500;

type OutputsOffState = NonNullable<BenchState['outputsOff']>;

/**
 * Outputs off: every output of every instrument at once, on the safety lane, each read back. What did not confirm stays on the screens
 * until a later press confirms it; what is slow to answer is shown so before. Presses while one is under way join it.
 */
export class OutputsDesk {
  readonly #parts: {
    clock: Clock;
    board: StateBoard;
    events: EventLog;
    host: HostServices;
    instruments: InstrumentTable;
  };
  #underway: Promise<OutputsOffState> | undefined;

  constructor(parts: {
    clock: Clock;
    board: StateBoard;
    events: EventLog;
    host: HostServices;
    instruments: InstrumentTable;
  }) {
    this.#parts = parts;
  }

  off(who: string): Promise<OutputsOffState> {
    this.#underway ??= this.#off(who).finally(() => {
      this.#underway = undefined;
    });
    return this.#underway;
  }

  async #off(who: string): Promise<OutputsOffState> {
    const { clock, board, events, host, instruments } = this.#parts;
    const switchable = instruments.all.filter(({ shape }) => shape.controls.some(({ isOutput }) => isOutput));
    const answers = new Map(switchable.map((attachment) => [attachment, unanswered(attachment)]));
    const impatience = clock.after(PATIENCE_MS, () => {
      board.publish('outputs.changed', {
        outputsOff: { t: String(clock.nowNs()), results: [...answers.values()].flat() },
      });
    });
    await Promise.all(
      switchable.map(async (attachment) => {
        const offs = await attachment.outputsOff();
        answers.set(
          attachment,
          offs.map((off) => ({ instrument: attachment.id, ...off })),
        );
      }),
    );
    impatience[Symbol.dispose]();
    const results = [...answers.values()].flat();
    const state = { t: String(clock.nowNs()), results };
    const open = results.filter(({ confirmed }) => !confirmed);
    board.publish('outputs.changed', { outputsOff: state });
    const text =
      open.length === 0
        ? `Outputs off: ${results.length} confirmed`
        : `Outputs off NOT confirmed: ${open.map(({ instrument, group, reason }) => `${instrument} ${group} (${reason ?? 'no answer'})`).join(', ')}. Switch off by hand.`;
    events.add({
      kind: 'outputs-off',
      severity: open.length === 0 ? 'warning' : 'critical',
      text,
      data: { who, results },
    });
    if (open.length > 0) host.notify({ title: 'Outputs off not confirmed', text, severity: 'critical' });
    return state;
  }
}

function unanswered({ id, shape }: Attachment): OutputsOffState['results'] {
  const groups = new Set(shape.controls.flatMap(({ isOutput, group }) => (isOutput ? [group] : [])));
  return [...groups].map((group) => ({ instrument: id, group, confirmed: false, reason: 'no answer yet' }));
}
