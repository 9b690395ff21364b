import { LabError } from '../../../core/errors.ts';
import { parseResource } from '../../../core/resource.ts';
import type { Resource } from '../../../core/resource-shape.ts';
import type { Transport } from '../transport.ts';
import type { VendorOptions } from '../vendor-visa/open-vendor.ts';
import { shareAdapter } from './adapter-registry.ts';
import { adapterResource } from './adapter-resource.ts';
import { boardResource } from './board-table.ts';
import { GpibTransport } from './gpib-transport.ts';
import type { LineOptions } from './open-line.ts';

export interface GpibOptions extends LineOptions {
  vendor?: Omit<VendorOptions, 'signal'> | undefined;
}

/**
 * Opens `GPIB[b]::pad[::sad]::INSTR`: through the adapter known as board b, else with the maker's VISA. Throws `resource.unsupported` when there
 * is neither, else as `openPrologix` and `openVendor`.
 */
export async function openGpib(
  { board, address, canonical }: Extract<Resource, { kind: 'gpib' }>,
  options: GpibOptions = {},
): Promise<Transport> {
  const resource = boardResource(board);
  const parsed = resource === undefined ? undefined : parseResource(resource);
  if (parsed?.kind === 'prologix') {
    const use = await shareAdapter(parsed.line, adapterResource(parsed), options);
    return new GpibTransport(use, address, canonical);
  }
  try {
    const { openVendor } = await import('../vendor-visa/open-vendor.ts');
    return await openVendor({ resource: canonical }, { ...options.vendor, signal: options.signal });
  } catch (error) {
    if (!(error instanceof LabError) || error.code !== 'resource.unsupported') throw error;
    const behind = `PRLGX-TCPIP${board}::192.168.1.80::${address.primary}::INSTR`;
    throw new LabError(
      'resource.unsupported',
      `No GPIB adapter is known as board ${board}, and no VISA of a maker is installed, so ${canonical} was not opened. With a Prologix or AR488: attach the instrument by its adapter, for example ${behind} (or PRLGX-ASRL${board}::/dev/ttyUSB0::…). ` +
        'With a GPIB card or USB-GPIB adapter of a maker (NI, Keysight): install its VISA, then attach again.',
      { resource: canonical, board },
      { cause: error },
    );
  }
}

/** A board is no instrument. Throws `resource.unsupported` with what to type instead. */
export async function refuseBoard({ board, canonical }: Extract<Resource, { kind: 'gpib-board' }>): Promise<Transport> {
  throw new LabError(
    'resource.unsupported',
    `${canonical} is a GPIB board, not an instrument. Nothing was opened. Type the instrument's address, for example GPIB${board}::7::INSTR.`,
    { resource: canonical },
  );
}
