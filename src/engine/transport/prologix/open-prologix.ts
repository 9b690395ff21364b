import { LabError } from '../../../core/errors.ts';
import type { Resource } from '../../../core/resource-shape.ts';
import type { AdapterVersion } from '../../../protocol/prologix.ts';
import type { Transport } from '../transport.ts';
import { shareAdapter } from './adapter-registry.ts';
import { adapterResource } from './adapter-resource.ts';
import { noteBoards } from './board-table.ts';
import { GpibTransport } from './gpib-transport.ts';
import type { LineOptions } from './open-line.ts';

type AdapterResource = Extract<Resource, { kind: 'prologix' }>;

/**
 * Opens an instrument behind a Prologix or AR488 adapter; the adapter is shared with all others behind it. Nothing is sent to the instrument.
 * Throws `resource.unsupported` for the adapter itself, the `transport.*` errors of the line, `instrument.silent` when no adapter answers.
 */
export async function openPrologix(resource: AdapterResource, options: LineOptions = {}): Promise<Transport> {
  const { address, canonical, line } = resource;
  if (!address) {
    const example = canonical.replace(/::INTFC$/, '::7::INSTR');
    throw new LabError(
      'resource.unsupported',
      `${canonical} is the GPIB adapter, not an instrument. Nothing was opened. Type the instrument's GPIB address behind it, for example ${example}; the attach doctor lists the addresses that answer.`,
      { resource: canonical, example },
    );
  }
  const use = await shareAdapter(line, adapterResource(resource), options);
  noteBoards([canonical]);
  return new GpibTransport(use, address, canonical);
}

/** An adapter opened to find out what it is and what is behind it; it shares the line with the instruments in use. */
export interface OpenedAdapter extends AsyncDisposable {
  readonly resource: string;
  readonly version: AdapterVersion;
  /**
   * Which primary addresses answer a serial poll, in order. Takes about 0.06 s for each that does not; the poll clears a service request. Throws the
   * cancellation of the signal, the errors of the adapter.
   */
  listAddresses(signal?: AbortSignal): Promise<number[]>;
}

/** Opens the adapter itself, to look behind it. Throws the `transport.*` errors of the line, `instrument.silent` when no adapter answers. */
export async function openAdapter(resource: AdapterResource, options: LineOptions = {}): Promise<OpenedAdapter> {
  const name = adapterResource(resource);
  const use = await shareAdapter(resource.line, name, options);
  noteBoards([name]);
  const { adapter } = use;
  return {
    resource: name,
    version: adapter.version,
    async listAddresses(signal) {
      const found: number[] = [];
      for (let primary = 0; primary <= 30; primary++) {
        signal?.throwIfAborted();
        // One at a time: whoever measures behind this adapter gets its turn in between.
        const hold = await adapter.lock.acquire({ signals: [signal] });
        try {
          if ((await adapter.statusByte({ primary }, { signal, isQuick: true })) !== undefined) found.push(primary);
        } finally {
          hold.release();
        }
      }
      return found;
    },
    [Symbol.asyncDispose]: () => use[Symbol.asyncDispose](),
  };
}
