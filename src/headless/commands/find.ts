import type { DiscoveryState, FoundInstrument } from '../../contract/discovery-schema.ts';
import type { SimulatedInstrument } from '../../contract/host-messages.ts';
import { announcedBench } from '../bench-announcement.ts';
import type { Command, Shell } from '../command.ts';
import { dataFolderOf } from '../data-folder.ts';
import { EXIT } from '../exit-code.ts';
import { type InstrumentRow, instrumentRow, printInstruments } from '../instrument-rows.ts';
import { openScreen, type Screen } from '../screen.ts';

/** What the engine finds, and the instruments of a `labwire bench` on the same data folder. Never probes a serial port. */
export const find: Command = {
  name: 'find',
  usage: '[EXPRESSION] [--within 1.5s] [--scan SUBNET]',
  summary: 'Lists the instruments that can be attached.',
  options: {
    within: { type: 'string', value: 'TIME', about: 'how long to look (default 1.5s)' },
    scan: { type: 'string', value: 'SUBNET', about: 'knock at every address of a subnet, too (192.168.1.0/24)' },
  },
  positionals: [0, 1],
  async run(args, shell) {
    const withinMs = args.durationMs('within');
    const subnet = args.text('scan');
    const [expression] = args.positionals;
    await using screen = await openScreen(args, shell);
    if (subnet !== undefined) await scan(screen, subnet, shell);
    const { found } = await screen.client.call(
      'instrument.find',
      { ...(withinMs === undefined ? {} : { withinMs }), ...(expression === undefined ? {} : { expression }) },
      { signal: shell.signal },
    );
    const bench = expression === undefined ? await announcedBench(dataFolderOf(args.text('data'))) : [];
    await printInstruments(withBench(found, bench), args.flag('json'), shell.out);
    return EXIT.done;
  },
};

/** What was found, and the announced bench: an instrument of it that was found is one row with all its ways. */
function withBench(found: readonly FoundInstrument[], bench: readonly SimulatedInstrument[]): InstrumentRow[] {
  const isSame = (row: FoundInstrument, one: SimulatedInstrument): boolean =>
    (row.idn !== null && row.idn === one.idn) || row.resources.some((resource) => one.resources.includes(resource));
  const rows = found.map((row): InstrumentRow => {
    const more = bench.filter((one) => isSame(row, one)).flatMap(({ resources }) => resources);
    return { ...foundRow(row), resources: [...new Set([...row.resources, ...more])] };
  });
  return [...rows, ...bench.filter((one) => !found.some((row) => isSame(row, one))).map(instrumentRow)];
}

/** Scans to the end; stopping the command stops the scan. */
async function scan({ client }: Screen, subnet: string, { signal, say }: Shell): Promise<void> {
  let told = -1;
  const isOver = new Promise<DiscoveryState>((resolve) => {
    client.on('discovery.changed', ({ discovery }) => {
      const state = discovery.searches.find(({ source }) => source === 'scan');
      const tenths = Math.floor((state?.progress ?? 0) * 10);
      if (state?.state === 'searching' && tenths > told && tenths > 0) say(`${subnet}: ${tenths * 10} % scanned`);
      told = Math.max(told, tenths);
      if (state && state.state !== 'searching' && !discovery.isSearching) resolve(discovery);
    });
  });
  const cancel = (): void => void client.call('discovery.cancel', {}).catch(() => undefined);
  signal.addEventListener('abort', cancel, { once: true });
  await client.call('discovery.scan', { subnet }, { signal });
  const ended = client.closed.then((error) => Promise.reject(error));
  await Promise.race([isOver, ended]);
  signal.removeEventListener('abort', cancel);
  signal.throwIfAborted();
}

function foundRow({ name, role, idn, resources, state, reason, paths, instrument }: FoundInstrument) {
  return {
    name,
    role,
    idn,
    resources,
    state,
    ...(reason === undefined ? {} : { reason }),
    paths: paths.map(({ seenNs: _, ...path }) => path),
    ...(instrument === undefined ? {} : { instrument }),
  };
}
