import { isAbsolute } from 'node:path';
import type { BenchState } from '../../contract/bench-schema.ts';
import { CONTRACT_VERSION } from '../../contract/calls.ts';
import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';
import { makeFolder } from '../state/make-folder.ts';
import { unreadSettings, withDefaults, writeSettings } from '../state/settings-file.ts';

type BenchCall =
  | 'engine.hello'
  | 'bench.read'
  | 'bench.new'
  | 'bench.open'
  | 'bench.save'
  | 'bench.saveAs'
  | 'bench.rename'
  | 'bench.start'
  | 'bench.stop'
  | 'bench.setFault'
  | 'settings.set'
  | 'plot.set'
  | 'note.add'
  | 'event.list'
  | 'alarm.set'
  | 'alarm.remove'
  | 'alarm.acknowledge'
  | 'alarm.shelve';

/** Calls about the bench as a whole: its file, settings, plots, notes, rules, and the simulated bench. */
export function createBenchCalls(parts: EngineParts): Pick<Handlers, BenchCall> {
  const { alarms, board, clock, dataFolder, events, host, keeper, simulator } = parts;
  const head = (): BenchState['bench'] => board.state.bench;
  let setting: Promise<unknown> = Promise.resolve();
  return {
    'engine.hello': (_input, { rights }) => ({
      contract: CONTRACT_VERSION,
      version: parts.version,
      engine: parts.id,
      startedNs: String(parts.startedNs),
      nowNs: String(clock.nowNs()),
      dataFolder,
      host: host.host,
      rights: [...rights],
    }),
    'bench.read': () => board.state,
    'bench.new': async ({ name }) => {
      refuseWhileRecording(parts);
      const kept = await keeper.create(name, parts.load);
      if (kept) events.add({ kind: 'status', text: `A bench without a file of its own was kept as ${kept}.` });
      return head();
    },
    'bench.open': async ({ path }) => {
      refuseWhileRecording(parts);
      await keeper.open(path, parts.load);
      await parts.attach();
      return head();
    },
    'bench.save': async () => {
      await keeper.save();
      return head();
    },
    'bench.saveAs': async ({ path }) => {
      await keeper.saveAs(path);
      return head();
    },
    'bench.rename': ({ name }) => {
      keeper.rename(name);
      return head();
    },
    'bench.start': () => simulator.start(),
    'bench.stop': () => simulator.stop(),
    'bench.setFault': async ({ name, fault }) => {
      await simulator.setFault(name, fault);
      return {};
    },
    'settings.set': (changes) => {
      if (parts.areSettingsUnread) throw unreadSettings(dataFolder);
      const folder = changes.recordingsFolder;
      if (folder !== undefined && !isAbsolute(folder))
        throw new LabError('call.invalid', `${folder} is no absolute path. Give the whole path of the folder.`);
      const second = changes.fallbackFolder ?? '';
      if (second !== '' && !isAbsolute(second))
        throw new LabError('call.invalid', `${second} is no absolute path. Give the whole path of the folder.`);
      // One after the other: two screens at once must not undo each other's change.
      const written = setting
        .catch(() => undefined)
        .then(async () => {
          // Made when a person names it, and never again: later its place may be that of a drive that is gone.
          if (second !== '' && second !== board.state.settings.fallbackFolder) await makeSecond(second);
          const settings = withDefaults(board.state.settings, changes);
          await writeSettings(dataFolder, settings);
          parts.history.setSizeBytes(settings.historyBytes);
          board.publish('settings.changed', { settings });
          return settings;
        });
      setting = written;
      return written;
    },
    'plot.set': ({ plots }) => {
      board.publish('plot.changed', { plots });
      keeper.touch();
      return {};
    },
    'note.add': ({ text, t }, { who }) =>
      events.add({ kind: 'note', text, data: { who }, ...(t === undefined ? {} : { atNs: BigInt(t) }) }),
    'event.list': ({ fromNs, toNs }) => ({ events: events.between(BigInt(fromNs), BigInt(toNs)) }),
    'alarm.set': ({ rule }) => {
      const { condition } = rule;
      if ('low' in condition && condition.low > condition.high) {
        throw new LabError(
          'call.invalid',
          'The lower limit is above the upper one, so the rule could never be judged. Swap them.',
        );
      }
      alarms.set(rule);
      keeper.touch();
      return {};
    },
    'alarm.remove': ({ rule }) => {
      alarms.remove(rule);
      board.publish('alarm.removed', { rule });
      keeper.touch();
      return {};
    },
    'alarm.acknowledge': ({ rule }, { who }) => {
      alarms.acknowledge(rule);
      alarmNote(parts, rule, 'acknowledged', who);
      return {};
    },
    'alarm.shelve': ({ rule, minutes }, { who }) => {
      alarms.shelve(rule, minutes);
      alarmNote(parts, rule, minutes > 0 ? `shelved for ${minutes} min` : 'taken from the shelf', who);
      return {};
    },
  };
}

async function makeSecond(folder: string): Promise<void> {
  await makeFolder(folder).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new LabError(
      'call.invalid',
      `The second folder, ${folder}, is not there and cannot be made (${why}). Nothing was changed. Mount its drive, or give another one.`,
    );
  });
}

/** Another bench detaches the instruments: a recording must not end by the way. */
function refuseWhileRecording({ recording }: EngineParts): void {
  if (!recording.isRecording) return;
  throw new LabError(
    'recording.running',
    'A recording is running and opening another bench would detach its instruments. Stop the recording first.',
  );
}

/** What a person did about an alarm belongs into its history, and into the recording. */
function alarmNote({ alarms, events }: EngineParts, id: string, what: string, who: string): void {
  const rule = alarms.rules.find((candidate) => candidate.id === id);
  if (!rule) return;
  events.add({ kind: 'alarm', channel: rule.channel, text: `${rule.name}: ${what}`, data: { rule: id, who } });
}
