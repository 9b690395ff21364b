import { expect, test } from 'vitest';
import type { DiscoveryState, FoundInstrument, FoundPath } from '../../contract/discovery-schema.ts';
import { iconOf, searchProgress, searchText, unavailableSearches, wordsOf } from './search-words.ts';

const path = (resource: string, way: FoundPath['way'], more: Partial<FoundPath> = {}): FoundPath => ({
  resource,
  way,
  sources: ['mdns'],
  state: 'usable',
  seenNs: '0',
  ...more,
});

const row = (more: Partial<FoundInstrument>): FoundInstrument => ({
  key: 'k',
  name: 'x',
  role: 'supply',
  idn: 'RIGOL TECHNOLOGIES,DP832,DP8C2130,1.0',
  resources: [],
  paths: [],
  state: 'available',
  source: 'mdns',
  ...more,
});

test('a row says what it is, which unit, and its other ways', () => {
  const paths = [
    path('TCPIP0::a::inst0::INSTR', 'lan'),
    path('TCPIP0::a::5555::SOCKET', 'lan'),
    path('USB0::…', 'usb'),
  ];
  expect(wordsOf(row({ paths }))).toEqual({ title: 'Rigol DP832', detail: 'DP8C2130 · power supply · also on USB' });
  expect(iconOf(row({ paths }))).toBe('lan');
});

test('what was never asked says so, and what the system knows of it', () => {
  const paths = [path('ASRLCOM3::INSTR', 'serial', { state: 'unknown', about: 'STMicroelectronics' })];
  expect(wordsOf(row({ idn: null, name: 'USB serial port', role: 'unknown', state: 'unknown', paths }))).toEqual({
    title: 'USB serial port',
    detail: 'STMicroelectronics · never probed unasked',
  });
});

test('the foot of the list tells how far the search is', () => {
  const discovery: DiscoveryState = {
    isSearching: true,
    startedNs: '0',
    found: [row({})],
    searches: [
      { source: 'mdns', state: 'watching', found: 1 },
      { source: 'usb', state: 'unavailable', found: 0, reason: 'no USB here' },
      { source: 'vxi11', state: 'searching', found: 0 },
      { source: 'serial', state: 'done', found: 0 },
    ],
  };
  expect(searchText(discovery, 812)).toBe('1 found in 0.8 s · still looking: VXI-11 · mDNS, serial ports');
  expect(searchProgress(discovery)).toBe(0.75);
  expect(searchProgress({ ...discovery, isSearching: false })).toBe(1);
  expect(unavailableSearches(discovery).map(({ source }) => source)).toEqual(['usb']);
});
