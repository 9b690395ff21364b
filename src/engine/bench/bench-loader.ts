import { LabError } from '../../core/errors.ts';
import { parseIdentity } from '../../protocol/idn.ts';
import type { ChannelBook } from '../acquisition/channel-book.ts';
import { instrumentId } from '../acquisition/instrument-id.ts';
import type { AlarmEngine } from '../alarm/alarm-engine.ts';
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
}

export interface BenchLoader {
  /** The bench as it is now. Instruments that are not attached yet, or could not be, stay in it. */
  collect(name: string): BenchDocument;
  /** Names, rules and plots of a document; its instruments are known from here on, and not attached. */
  prepare(document: BenchDocument): void;
  /** Attaches what was prepared, all at once; one that does not attach is said, never a failure. What is attached stays. */
  attach(): Promise<void>;
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
}: BenchLoaderParts): BenchLoader {
  /** In the document, but not there (yet; or switched off, unplugged): they must not vanish from the file. */
  let absent: BenchInstrument[] = [];
  /** The document that was prepared last. */
  let present: BenchDocument = createBenchDocument('');

  /** Simulated instruments listen on other ports each time: found again by what they are. */
  const resourceOf = (wanted: BenchInstrument): string => {
    const simulated = simulator.instruments.find(
      ({ idn, resources }) => idn !== null && instrumentId(parseIdentity(idn), resources[0] ?? '') === wanted.id,
    );
    const sameWay = simulated?.resources.find((resource) => resource.slice(0, 4) === wanted.resource.slice(0, 4));
    return sameWay ?? simulated?.resources[0] ?? wanted.resource;
  };

  /** Once attached, by whomever, it is no longer remembered here: detaching it then takes it out of the bench. */
  const missing = (): BenchInstrument[] => {
    absent = absent.filter(({ id }) => !instruments.all.some((attachment) => attachment.id === id));
    return absent;
  };

  const attachOne = async (wanted: BenchInstrument): Promise<void> => {
    try {
      const attachment = await instruments.open(resourceOf(wanted), wanted.label);
      // Another bench was opened meanwhile, and this one is none of its instruments.
      if (!present.instruments.some(({ id }) => id === wanted.id)) {
        await instruments.close(attachment.id);
        return;
      }
      if (attachment.id === wanted.id) {
        missing();
        return;
      }
      await instruments.close(attachment.id);
      throw new LabError(
        'instrument.mismatch',
        `At ${wanted.resource} there is now ${attachment.id}, not ${wanted.label} (${wanted.id}). It was not attached in its place.`,
      );
    } catch (error) {
      events.add({
        kind: 'status',
        severity: 'warning',
        text: `${wanted.label} of the bench was not attached: ${LabError.from(error).message}`,
      });
    }
  };

  const prepare = (document: BenchDocument): void => {
    present = document;
    absent = document.instruments;
    for (const { id } of alarms.rules) alarms.remove(id);
    channels.load(document.channels);
    for (const rule of document.rules) alarms.set(rule);
    board.replace({
      bench: { ...board.state.bench, name: document.name },
      plots: document.plots,
      rules: alarms.rules,
      alarms: alarms.states,
      outputsOff: null,
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
    }),
    prepare,
    attach,
    async load(document) {
      await instruments.closeAll();
      prepare(document);
    },
  };
}
