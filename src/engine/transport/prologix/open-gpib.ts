import { LabError } from '../../../core/errors.ts';
import { parseResource } from '../../../core/resource.ts';
import type { Resource } from '../../../core/resource-shape.ts';
import type { Transport } from '../transport.ts';
import { shareAdapter } from './adapter-registry.ts';
import { boardResource } from './board-table.ts';
import { GpibTransport } from './gpib-transport.ts';
import type { LineOptions } from './open-line.ts';
import { adapterResource } from './open-prologix.ts';

/**
 * Opens `GPIB[b]::pad[::sad]::INSTR`: through the adapter registered as board b. Throws `resource.unsupported` when none is, else as `openPrologix`.
 */
export async function openGpib(
  { board, address, canonical }: Extract<Resource, { kind: 'gpib' }>,
  options: LineOptions = {},
): Promise<Transport> {
  const resource = boardResource(board);
  const parsed = resource === undefined ? undefined : parseResource(resource);
  if (parsed?.kind === 'prologix') {
    const use = await shareAdapter(parsed.line, adapterResource(parsed), options);
    return new GpibTransport(use, address, canonical);
  }
  const behind = `PRLGX-TCPIP${board}::192.168.1.80::${address.primary}::INSTR`;
  throw new LabError(
    'resource.unsupported',
    `No GPIB adapter is known as board ${board}, so ${canonical} was not opened. With a Prologix or AR488: attach the instrument by its adapter, for example ${behind} (or PRLGX-ASRL${board}::/dev/ttyUSB0::…). ` +
      `With a GPIB card or USB-GPIB adapter of a maker (NI, Keysight): install the maker's VISA and type ${canonical}@visa.`,
    { resource: canonical, board },
  );
}

/** A board is no instrument. Throws `resource.unsupported` with what to type instead. */
export async function refuseBoard({ board, canonical }: Extract<Resource, { kind: 'gpib-board' }>): Promise<Transport> {
  throw new LabError(
    'resource.unsupported',
    `${canonical} is a GPIB board, not an instrument. Nothing was opened. Type the instrument's address, for example GPIB${board}::7::INSTR.`,
    { resource: canonical },
  );
}
