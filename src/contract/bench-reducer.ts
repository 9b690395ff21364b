import type { BenchState } from './bench-schema.ts';
import type { StateEvent } from './events.ts';

/** How many notices and events a screen keeps. */
const KEPT_LINES = 200;
/** Jobs kept, the newest; four run at most. */
const KEPT_JOBS = 50;

/**
 * The state after an event, sharing what did not change. Undefined: events were missed (or the bench replaced): call `bench.read`.
 * An event at or below the state's revision is already in it and changes nothing.
 */
export function reduceBench(state: BenchState, change: StateEvent): BenchState | undefined {
  if (change.revision <= state.revision) return state;
  if (change.revision !== state.revision + 1) return undefined;
  const piece = pieceOf(state, change);
  return piece && { ...state, ...piece, revision: change.revision };
}

function pieceOf(state: BenchState, change: StateEvent): Partial<BenchState> | undefined {
  switch (change.event) {
    case 'bench.replaced':
      return undefined;
    case 'bench.changed':
    case 'settings.changed':
    case 'simulator.changed':
    case 'plot.changed':
    case 'recording.changed':
    case 'outputs.changed':
    case 'emergency.changed':
    case 'safety.changed':
    case 'discovery.changed':
    case 'flight.changed':
    case 'session.changed':
    case 'plan.changed':
    case 'math.changed':
    case 'upload.changed':
    case 'share.changed':
      return change.data;
    case 'upload.progressed': {
      const { link, part } = change.data;
      const { upload } = state;
      return {
        upload: { ...upload, link, uploads: part ? replace(upload.uploads, [part], ({ id }) => id) : upload.uploads },
      };
    }
    case 'sweep.changed':
      return { sweeps: replace(state.sweeps, [change.data.sweep], (item) => item.sweep.id).slice(-KEPT_JOBS) };
    case 'replay.changed':
      return { replays: replace(state.replays, [change.data.replay], (item) => item.id) };
    case 'replay.closed':
      return { replays: state.replays.filter((item) => item.id !== change.data.replay) };
    case 'server.changed':
      return { servers: replace(state.servers, [change.data.server], (item) => item.id) };
    case 'server.removed':
      return { servers: state.servers.filter((item) => item.id !== change.data.server) };
    case 'instrument.changed':
      return { instruments: replace(state.instruments, [change.data.instrument], (item) => item.id) };
    case 'instrument.removed':
      return { instruments: state.instruments.filter((item) => item.id !== change.data.instrument) };
    case 'channel.changed':
      return { channels: replace(state.channels, change.data.channels, (item) => item.id) };
    case 'channel.removed':
      return { channels: state.channels.filter((item) => !change.data.channels.includes(item.id)) };
    case 'stream.opened':
      return { streams: replace(state.streams, [change.data.stream], (item) => String(item.id)) };
    case 'stream.closed':
      return { streams: state.streams.filter((item) => item.id !== change.data.stream) };
    case 'alarm.changed':
      return {
        rules: replace(state.rules, [change.data.rule], (item) => item.id),
        alarms: replace(state.alarms, [change.data.state], (item) => item.rule),
      };
    case 'alarm.removed':
      return {
        rules: state.rules.filter((item) => item.id !== change.data.rule),
        alarms: state.alarms.filter((item) => item.rule !== change.data.rule),
      };
    case 'job.changed':
      return { jobs: replace(state.jobs, [change.data.job], (item) => item.id).slice(-KEPT_JOBS) };
    case 'notice.raised':
      return { notices: [...state.notices, change.data.notice].slice(-KEPT_LINES) };
    case 'event.happened':
      return { events: [...state.events, change.data.event].slice(-KEPT_LINES) };
  }
}

function replace<T>(list: readonly T[], changed: readonly T[], keyOf: (item: T) => string): T[] {
  const byKey = new Map(changed.map((item) => [keyOf(item), item]));
  const result = list.map((item) => {
    const key = keyOf(item);
    const next = byKey.get(key) ?? item;
    byKey.delete(key);
    return next;
  });
  return [...result, ...byKey.values()];
}
