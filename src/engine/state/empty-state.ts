import type { BenchState } from '../../contract/bench-schema.ts';
import { defaultSettings } from './settings-file.ts';

/** The state of an engine that has just started on a data folder. */
export function emptyState(dataFolder: string): BenchState {
  return {
    revision: 0,
    bench: { name: 'Bench 1', path: null, savedNs: null, error: null },
    settings: defaultSettings(dataFolder),
    simulator: { state: 'off', instruments: [] },
    instruments: [],
    channels: [],
    streams: [],
    plots: [],
    recording: {
      state: 'idle',
      recording: null,
      name: '',
      path: '',
      startedNs: null,
      bytes: 0,
      rows: 0,
      samples: 0,
      lost: 0,
      part: 1,
      diskSecondsLeft: null,
      error: null,
      retryNs: null,
    },
    rules: [],
    alarms: [],
    outputsOff: null,
    safety: { devices: [], armed: [] },
    discovery: { isSearching: false, startedNs: null, searches: [], found: [] },
    jobs: [],
    flight: { state: 'off', bytes: 0, limitBytes: 0, fromNs: null, reason: '' },
    sessions: [],
    plans: [],
    planStates: [],
    sweeps: [],
    math: [],
    replays: [],
    upload: { target: null, link: 'off', uploads: [] },
    servers: [],
    share: { state: 'off', urls: [], connections: [], users: 0 },
    notices: [],
    events: [],
  };
}
