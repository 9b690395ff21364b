import { LabError } from '../../../core/errors.ts';
import type { GpibAddress } from '../../../core/resource-shape.ts';
import type { RemoteMode, TransportControl } from '../transport.ts';
import type { Adapter } from './adapter.ts';
import { watchServiceRequests } from './srq-watch.ts';

export interface BusCommandParts {
  resource: string;
  adapter: Adapter;
  address: GpibAddress;
  /** Runs the work when this instrument has the bus. */
  withBus<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T>;
}

type BusCommands = Required<Pick<TransportControl, 'trigger' | 'statusByte' | 'onServiceRequest' | 'remoteLocal'>>;

/**
 * What is done to an instrument by commands of the adapter, not by messages. Throws `transport.unsupported` for what the adapter does not know,
 * `transport.timeout` when nobody answers a poll, the errors of the adapter.
 */
export function createBusCommands({ resource, adapter, address, withBus }: BusCommandParts): BusCommands {
  async function command(name: string, signal?: AbortSignal): Promise<void> {
    const said = await withBus(signal, () => adapter.ask([...adapter.addressing(address), name], { signal }));
    if (said.length === 0) return;
    throw new LabError(
      'transport.unsupported',
      `The GPIB adapter answers '${said.join(' ').slice(0, 80)}' to ${name}: it does not know that command. Nothing was done.`,
      { resource },
    );
  }

  async function statusByte(signal?: AbortSignal): Promise<number> {
    const byte = await withBus(signal, () => adapter.statusByte(address, { signal }));
    if (byte !== undefined) return byte;
    throw new LabError(
      'transport.timeout',
      `Nobody answered the serial poll of ${resource}. The instrument is off, has another GPIB address, or its cable is out.`,
      { resource },
    );
  }

  async function remoteLocal(mode: RemoteMode, signal?: AbortSignal): Promise<void> {
    switch (mode) {
      case 'local':
      case 'deassert-and-local':
        return command('++loc', signal);
      case 'assert-and-lockout':
      case 'assert-address-and-lockout':
        return command('++llo', signal);
      case 'assert':
      case 'assert-and-address':
        // REN is asserted as long as the adapter is the controller, and every message addresses the instrument.
        return;
      default:
        throw new LabError(
          'transport.unsupported',
          'A Prologix adapter keeps the REN line asserted; it cannot release it. Nothing was done. To give the front panel back use local.',
          { resource },
        );
    }
  }

  return {
    trigger: (signal) => command('++trg', signal),
    statusByte,
    onServiceRequest: (listener) => watchServiceRequests(adapter, address, listener),
    remoteLocal,
  };
}
