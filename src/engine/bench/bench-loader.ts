import { LabError } from '../../core/errors.ts';
import { wayOf } from '../../core/resource-way.ts';
import type { ChannelBook } from '../acquisition/channel-book.ts';
import type { AlarmEngine } from '../alarm/alarm-engine.ts';
import type { KnownInstruments } from '../discovery/known-instruments.ts';
import type { MathDesk } from '../math/math-desk.ts';
import type { PlanDesk } from '../plan/plan-desk.ts';
import type { SafetyDesk } from '../safety/safety-desk.ts';
import type { EventLog } from '../state/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';
import { type BenchDocument, type BenchInstrument, createBenchDocument } from './bench-file.ts';
import type { InstrumentTable } from './instrument-table.ts';
import type { SimulatorDesk } from './simulator-desk.ts';

export interface BenchLoaderParts {
  board: StateBoard;
  events: EventLog;
  channels: ChannelBook;
  instruments: InstrumentTable;
  alarms: AlarmEngine;
  simulator: SimulatorDesk;
  safety: SafetyDesk;
  known: KnownInstruments;
  math: MathDesk;
  plans: PlanDesk;
}

export interface BenchLoader {
  /** The bench as it is now. Instruments that are not attached yet, or could not be, stay in it. */
  collect(name: string): BenchDocument;
  /** Names, rules and plots of a document; its instruments are known from here on, and not attached. */
  prepare(document: BenchDocument): void;
  /** Attaches what was prepared, all at once; one that does not attach is said, never a failure. What is attached stays. */
  attach(): Promise<void>;
  /** Attaches what was prepared and is at a lab server: one of them lists its equipment now. */
  attachRemote(): Promise<void>;
  /** Detaches what is attached and puts a document in place of the present bench; `attach` brings its instruments. */
  load(document: BenchDocument): Promise<void>;
}

export function createBenchLoader({
  board,
  events,
  channels,
  instruments,
  alarms,
  simulator,
  safety,
  known,
  math,
  plans,
}: BenchLoaderParts): BenchLoader {
  /** In the document, but not there (yet; or switched off, unplugged): they must not vanish from the file. */
  let absent: BenchInstrument[] = [];
  /** The document that was prepared last. */
  let present: BenchDocument = createBenchDocument('');

  /** Where it may be: simulated instruments listen on other ports each time, others may have moved since. */
  const resourcesOf = ({ id, resource }: BenchInstrument): string[] => {
    const simulated = simulator.resourcesOf(id);
    const sameWay = simulated.find((one) => one.slice(0, 4) === resource.slice(0, 4)) ?? simulated[0];
    if (sameWay !== undefined) return [sameWay];
    return [...new Set([resource, ...(known.of(id)?.paths ?? []).map((path) => path.resource)])];
  };

  /** Once attached, by whomever, it is no longer remembered here: detaching it then takes it out of the bench. */
  const missing = (): BenchInstrument[] => {
    absent = absent.filter(({ id }) => !instruments.all.some((attachment) => attachment.id === id));
    return absent;
  };

  /** Attaches it there, if it is the one that is meant. Throws instrument.mismatch, and what `open` throws. */
  const attachAt = async (resource: string, wanted: BenchInstrument): Promise<void> => {
    const attachment = await instruments.open(resource, { options: wanted.options ?? {}, queries: wanted.queries });
    // Another bench was opened meanwhile, and this one is none of its instruments.
    if (!present.instruments.some(({ id }) => id === wanted.id)) {
      await instruments.close(attachment.id);
      return;
    }
    if (attachment.id === wanted.id) {
      if (attachment.label !== wanted.label) instruments.rename(wanted.id, wanted.label);
      missing();
      return;
    }
    // Attached before, or one of the bench itself: it stays.
    if (!present.instruments.some(({ id }) => id === attachment.id)) await instruments.close(attachment.id);
    throw new LabError(
      'instrument.mismatch',
      `At ${resource} there is now ${attachment.id}, not ${wanted.label} (${wanted.id}). It was not attached in its place.`,
    );
  };

  const attachOne = async (wanted: BenchInstrument): Promise<void> => {
    let first: LabError | undefined;
    for (const resource of resourcesOf(wanted)) {
      try {
        await attachAt(resource, wanted);
        return;
      } catch (error) {
        first ??= LabError.from(error);
      }
    }
    // Its server is not there yet: it follows when that lists it.
    if (first?.code === 'server.closed') return;
    events.add({
      kind: 'status',
      severity: 'warning',
      text: `${wanted.label} of the bench was not attached: ${first?.message ?? 'it has no address'}`,
    });
  };

  const prepare = (document: BenchDocument): void => {
    present = document;
    absent = document.instruments;
    for (const { id } of alarms.rules) alarms.remove(id);
    channels.load(document.channels);
    for (const rule of document.rules) alarms.set(rule);
    safety.load(document.safety);
    math.load(document.math);
    plans.load(document.plans);
    board.replace({
      bench: { ...board.state.bench, name: document.name },
      plots: document.plots,
      rules: alarms.rules,
      alarms: alarms.states,
      safety: safety.state,
      math: math.states,
      plans: plans.plans,
      planStates: plans.states,
      // What did not confirm to be off is on, whichever bench is open.
      outputsOff: board.state.outputsOff?.results.some(({ confirmed }) => !confirmed) ? board.state.outputsOff : null,
    });
  };

  const attach = async (): Promise<void> => {
    await Promise.all(missing().map(attachOne));
  };

  return {
    collect: (name) => ({
      ...createBenchDocument(name),
      instruments: [...instruments.saved, ...missing()],
      channels: channels.settings,
      plots: board.state.plots,
      rules: alarms.rules,
      safety: safety.devices,
      math: [...math.channels],
      plans: plans.plans,
    }),
    prepare,
    attach,
    async attachRemote() {
      const remote = missing().filter(({ resource }) => wayOf(resource) === 'server');
      await Promise.all(remote.map(attachOne));
    },
    async load(document) {
      await instruments.closeAll();
      prepare(document);
    },
  };
}
