import { expect, it } from 'vitest';
import type { ChannelState, InstrumentState } from '../../contract/instrument-schema.ts';
import { emptyState } from '../state/empty-state.ts';
import { aboutBench } from './about-bench.ts';

function instrument(id: string, more: Partial<InstrumentState>): InstrumentState {
  return {
    id,
    role: 'meter',
    label: '',
    identity: { maker: 'MAKER', model: 'MODEL', serial: 'SERIAL', firmware: '1.02' },
    resource: `TCPIP::${id}::5025::SOCKET`,
    way: 'lan',
    family: 'some',
    options: {},
    state: 'live',
    controls: [],
    values: {},
    status: {},
    commands: [],
    waveforms: [],
    can: { screenshot: false, clear: false, trigger: false, statusByte: false, lock: false, local: false },
    queries: [],
    isLocked: false,
    rateAskedHz: 10,
    rateGotHz: 10,
    lost: 0,
    malformed: 0,
    timeouts: 0,
    roundTripMs: null,
    lastError: null,
    ...more,
  };
}

function channel(of: string, name: string): ChannelState {
  return {
    id: `${of}/${name}`,
    instrument: of,
    name,
    stream: `${of}/polled`,
    label: '',
    unit: 'V',
    shownUnit: '',
    scale: { gain: 1, offset: 0 },
    color: 1,
    resolution: null,
    rateAskedHz: 10,
    rateGotHz: 9.5,
    logIntervalS: null,
    recorded: true,
  };
}

it('says firmware, calibration, ranges and rates as far as they are known, and nothing else', () => {
  const state = emptyState('/data');
  state.settings.operator = 'Somebody';
  state.instruments = [
    // A meter of one function at a time: the range is of the channel in force.
    instrument('meter', { status: { channel: 'voltage.dc', range: '10 V', calibrated: '2026-02-03' } }),
    // A range per group, as a lamp and as a control that was read back.
    instrument('scope', {
      status: { 'ch1.range': '2 V' },
      values: { 'ch2.range': { readBack: '500 mV' }, 'ch3.range': { asked: '5 V' }, 'ch1.on': { readBack: true } },
    }),
    instrument('plain', { values: { range: { readBack: 'auto' } } }),
  ];
  const names = [
    ['meter', 'voltage.dc'],
    ['meter', 'current.dc'],
    ['scope', 'ch1.voltage'],
    ['scope', 'ch2.voltage'],
    ['scope', 'ch3.voltage'],
    ['plain', 'reading'],
    ['gone', 'reading'],
  ] as const;
  state.channels = names.map(([of, name]) => channel(of, name));
  const about = aboutBench(state, '0.1.0', 'a note');
  expect(about).toMatchObject({ operator: 'Somebody', bench: 'Bench 1', notes: 'a note' });
  expect(about.clock).toMatchObject({ offsetS: null, uncertaintyS: null });
  expect(about.instruments.map(({ id, firmware, calibrated }) => [id, firmware, calibrated])).toEqual([
    ['meter', '1.02', '2026-02-03'],
    ['scope', '1.02', ''],
    ['plain', '1.02', ''],
  ]);
  // What was asked for and not read back is no setting.
  expect(about.instruments[1]?.settings).toEqual({ 'ch2.range': '500 mV', 'ch1.on': true });
  expect(about.channels.map(({ range }) => range)).toEqual(['10 V', '', '2 V', '500 mV', '', 'auto', '']);
  expect(about.channels[0]).toMatchObject({ rateAskedHz: 10, rateGotHz: 9.5 });
  state.bench.path = '/benches/one.labwire';
  expect(aboutBench(state, '0.1.0', '').bench).toBe('/benches/one.labwire');
});
