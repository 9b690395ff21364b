import type {
  DiscoveryState,
  FoundInstrument,
  FoundPath,
  PathSource,
  SearchState,
} from '../../contract/discovery-schema.ts';
import { ROLE_WORDS, shortMaker } from '../bench/instrument-words.ts';
import type { IconName } from '../control/icon.tsx';

export const SOURCE_WORDS: Record<PathSource, string> = {
  simulator: 'simulated bench',
  serial: 'serial ports',
  usb: 'USB',
  usbtmc: 'usbtmc driver',
  mdns: 'mDNS',
  vxi11: 'VXI-11',
  prologix: 'GPIB adapters',
  scan: 'scan',
  vendor: 'vendor VISA',
  remembered: 'remembered',
  attached: 'attached',
  server: 'lab servers',
};

const WAY_WORDS: Record<FoundPath['way'], string> = {
  serial: 'serial',
  usb: 'USB',
  lan: 'LAN',
  gpib: 'GPIB',
  modbus: 'Modbus',
  vendor: 'vendor VISA',
  server: 'a server',
};

/** No ways of looking: where the list begins. */
const GIVEN: readonly PathSource[] = ['simulator', 'remembered', 'attached'];

/** `5 found in 0.8 s · still looking: VXI-11 · USB, serial ports, mDNS`: what changes first, because the end is cut first. */
export function searchText(discovery: DiscoveryState, tookMs: number | undefined): string {
  const busy = discovery.searches.filter(({ state }) => state === 'searching');
  const done = discovery.searches.filter(
    ({ source, state }) => (state === 'done' || state === 'watching') && !GIVEN.includes(source),
  );
  const took = tookMs === undefined ? '' : ` in ${(tookMs / 1000).toFixed(1)} s`;
  return [
    `${discovery.found.length} found${took}`,
    busy.length > 0 ? `still looking: ${busy.map(({ source }) => SOURCE_WORDS[source]).join(', ')}` : '',
    done.map(({ source }) => SOURCE_WORDS[source]).join(', '),
  ]
    .filter(Boolean)
    .join(' · ');
}

/** Ways of looking that could not look, each with its reason. */
export function unavailableSearches(discovery: DiscoveryState): SearchState[] {
  return discovery.searches.filter(({ state, reason }) => (state === 'failed' || state === 'unavailable') && reason);
}

/** 0…1 of what can be known; undefined: busy, but nobody can say how far. */
export function searchProgress({ searches, isSearching }: DiscoveryState): number | undefined {
  if (!isSearching) return 1;
  const scan = searches.find(({ state, progress }) => state === 'searching' && progress !== undefined);
  if (scan) return scan.progress;
  const busy = searches.filter(({ state }) => state === 'searching').length;
  return searches.length === 0 ? undefined : 1 - busy / searches.length;
}

/** What a row says: what it is, and in small print which unit, which role, and by which other ways. */
export function wordsOf(row: FoundInstrument): { title: string; detail: string } {
  const [maker = '', model = '', serial = ''] = row.idn?.split(',').map((text) => text.trim()) ?? [];
  const title = model ? `${shortMaker(maker)} ${model}` : row.name;
  const [first, ...others] = row.paths.filter(({ state }) => state !== 'unusable');
  const also = [...new Set(others.map(({ way }) => way))].filter((way) => way !== first?.way);
  return {
    title,
    detail: [
      serial && !/^0*$/.test(serial) ? serial : '',
      row.role === 'unknown' ? '' : ROLE_WORDS[row.role].toLowerCase(),
      row.source === 'simulator' ? 'simulated' : row.source === 'remembered' ? 'attached before' : '',
      row.state === 'attached' ? '' : (first?.about ?? ''),
      row.state === 'unknown' && first?.way === 'serial' ? 'never probed unasked' : '',
      row.state === 'unusable' ? 'cannot be used' : '',
      row.state === 'gone' ? 'gone' : '',
      also.length > 0 ? `also on ${also.map((way) => WAY_WORDS[way]).join(', ')}` : '',
    ]
      .filter(Boolean)
      .join(' · '),
  };
}

export function iconOf({ paths, source }: FoundInstrument): IconName {
  const way = paths[0]?.way;
  if (way === undefined) return source === 'simulator' ? 'simulator' : 'lan';
  if (way === 'gpib' || way === 'modbus' || way === 'vendor') return 'serial';
  return way;
}
