import { join } from 'node:path';
import type { FoundInstrument } from '../../contract/discovery-schema.ts';
import type { ServerState } from '../../contract/server-schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { AttachedAt } from '../acquisition/attachment-host.ts';
import type { EventLog } from '../state/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';
import { listSerialPorts, type SerialPortRow } from '../transport/serial-ports.ts';
import { listUsbtmcFiles } from '../transport/usbtmc-file/list-usbtmc-files.ts';
import { DiscoveryDesk } from './discovery-desk.ts';
import { type KnownInstruments, openKnownInstruments } from './known-instruments.ts';
import {
  type AttachedRow,
  createAttachedSearch,
  createMissingSearch,
  createRememberedSearch,
  createSerialSearch,
  createServerSearch,
  createSimulatorSearch,
} from './list-searches.ts';
import { createMdnsSearch } from './mdns-search.ts';
import { readResource } from './path-rank.ts';
import { plugEvents } from './plug-events.ts';
import { createPrologixSearch } from './prologix-search.ts';
import type { Search } from './search.ts';
import { createUsbSearch, createUsbtmcSearch } from './usb-search.ts';
import { createVendorSearch } from './vendor-search.ts';
import { createVxi11Search } from './vxi11-search.ts';

/** What discovery sees of the rest of the engine. */
export interface DiscoveryPlace {
  clock: Clock;
  board: StateBoard;
  known: KnownInstruments;
  attached(): AttachedRow[];
  simulated(): readonly FoundInstrument[];
  servers(): readonly ServerState[];
}

/** The instruments this data folder has seen; problems with their file go into the event log. */
export function openKnown(dataFolder: string, events: EventLog): Promise<KnownInstruments> {
  return openKnownInstruments(join(dataFolder, 'known-instruments.json'), (text) =>
    events.add({ kind: 'status', severity: 'warning', text }),
  );
}

/** Set to `off` where a program shall send nothing unasked into the network: neither announcements are asked for nor is anything broadcast. */
export const NETWORK_SEARCH_VARIABLE = 'LABWIRE_NETWORK_SEARCH';

/** The desk with every way of looking. Nothing is searched until somebody asks. */
export function createDiscovery({ clock, board, known, attached, simulated, servers }: DiscoveryPlace): DiscoveryDesk {
  const isOff = process.env[NETWORK_SEARCH_VARIABLE] === 'off';
  const why = `Searching in the network is switched off (${NETWORK_SEARCH_VARIABLE}=off). Type the address.`;
  const network = (search: Search): Search => (isOff ? createMissingSearch(search.source, why) : search);
  const onChange = plugEvents(async (changed) => (await import('../transport/usb/usb-package.ts')).watchUsb(changed));
  return new DiscoveryDesk({
    clock,
    board,
    searches: [
      createSimulatorSearch(simulated),
      createAttachedSearch(attached),
      createServerSearch(servers),
      createUsbSearch({ list: async () => (await import('../transport/usb/list-usb.ts')).listUsb(), onChange }),
      { ...createUsbtmcSearch(listUsbtmcFiles), onChange },
      // Most serial ports hang on the USB, too.
      { ...createSerialSearch(listSerialPorts), onChange },
      network(createMdnsSearch()),
      network(createVxi11Search()),
      network(createPrologixSearch()),
      createVendorSearch({
        list: async () => (await import('../transport/vendor-visa/list-vendor-visa.ts')).listVendorVisa(),
      }),
      createRememberedSearch(() => known.all),
    ],
    isInUse: (host, port) => attached().some(({ resource }) => isAt(resource, host, port)),
  });
}

/** What is attached or simulated appears in the list by itself. */
export function followBench(board: StateBoard, discovery: DiscoveryDesk): Disposable {
  let shown = '';
  return board.onChange(({ event }) => {
    if (event === 'simulator.changed') discovery.refresh('simulator');
    if (event !== 'instrument.changed' && event !== 'instrument.removed') return;
    const now = board.state.instruments.map(({ id, label, resource }) => `${id} ${label} ${resource}`).join('\n');
    if (now === shown) return;
    shown = now;
    discovery.refresh('attached');
  });
}

function isAt(resource: string, host: string, port: number | undefined): boolean {
  const parsed = readResource(resource);
  if (!parsed) return false;
  if ('line' in parsed)
    return parsed.line.kind === 'tcp' && parsed.line.host === host && (port === undefined || parsed.line.port === port);
  if (!('host' in parsed) || parsed.host !== host) return false;
  return port === undefined || !('port' in parsed) || parsed.port === port;
}

/** Name of the serial adapter at an address; undefined for other ways and where the system does not say. */
export async function adapterAt(resource: string): Promise<string | undefined> {
  if (readResource(resource)?.kind !== 'serial') return undefined;
  return (await listSerialPorts()).find((port) => port.resource === resource)?.adapter;
}

/**
 * Ways on which an instrument may be back, in this order: the same serial adapter under another name, simulated ones (their addresses change), what discovery sees of the same
 * identity, where it was before. Unknown serial ports are never among them.
 */
export async function waysBack(
  {
    known,
    simulated,
    discovery,
  }: { known: KnownInstruments; simulated(id: string): string[]; discovery: DiscoveryDesk },
  attached: Pick<AttachedAt, 'id'>,
  signal: AbortSignal,
  listPorts: () => Promise<SerialPortRow[]> = listSerialPorts,
): Promise<string[]> {
  const { paths = [], identity } = known.of(attached.id) ?? {};
  const adapters = new Set(paths.map(({ adapter }) => adapter).filter((adapter) => adapter !== undefined));
  const moved =
    adapters.size === 0
      ? []
      : (await listPorts()).filter(({ adapter }) => adapter !== undefined && adapters.has(adapter));
  const found = identity ? await discovery.waysTo(identity, signal) : [];
  // A serial path that another adapter has now is not this one's.
  const before = paths.filter(({ adapter }) => adapter === undefined).map(({ resource }) => resource);
  return [...moved.map(({ resource }) => resource), ...simulated(attached.id), ...found, ...before];
}
