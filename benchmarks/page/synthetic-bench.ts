import type { BenchState } from '../../src/contract/bench-schema.ts';
import type { ChannelState } from '../../src/contract/instrument-schema.ts';

/** A bench state with nothing attached. */
export function emptyBench(): BenchState {
  return {
    revision: 0,
    bench: { name: 'Synthetic', path: null, savedNs: null, error: null },
    settings: {
      theme: 'dark',
      motion: 'system',
      recordingsFolder: '',
      partBytes: 1e9,
      historyBytes: 1e9,
      diskReserveBytes: 0,
      startSimulator: false,
      localOnDetach: true,
      timeoutMs: 1000,
    },
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
    },
    rules: [],
    alarms: [],
    outputsOff: null,
    safety: { devices: [], armed: [] },
    discovery: { isSearching: false, startedNs: null, searches: [], found: [] },
    jobs: [],
    notices: [],
    events: [],
  };
}

/** A channel `instrument/name` of a stream. */
export function syntheticChannel(
  instrument: string,
  name: string,
  label: string,
  unit: string,
  color: number,
  resolution: number | null,
  rateHz: number,
): ChannelState {
  return {
    id: `${instrument}/${name}`,
    instrument,
    name,
    stream: `${instrument}/main`,
    label,
    unit,
    shownUnit: unit,
    scale: { gain: 1, offset: 0 },
    color,
    resolution,
    rateAskedHz: rateHz,
    rateGotHz: rateHz,
    logIntervalS: null,
    recorded: true,
  };
}
