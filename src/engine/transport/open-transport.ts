import { LabError } from '../../core/errors.ts';
import { parseResource } from '../../core/resource.ts';
import { openSerial, type SerialOptions } from './open-serial.ts';
import { openTcp, type TcpOptions } from './open-tcp.ts';
import type { Transport } from './transport.ts';

export interface TransportOptions {
  tcp?: Omit<TcpOptions, 'signal'> | undefined;
  serial?: Omit<SerialOptions, 'signal'> | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Opens the way a resource string names. Throws `resource.malformed`, `resource.unsupported` (the message says why and what works instead),
 * and the `transport.*` errors of the way.
 */
export async function openTransport(resource: string, options: TransportOptions = {}): Promise<Transport> {
  const { signal } = options;
  const parsed = parseResource(resource);
  switch (parsed.kind) {
    case 'socket':
      return openTcp({ ...parsed, resource: parsed.canonical }, { ...options.tcp, signal });
    case 'serial':
      return openSerial({ ...parsed, resource: parsed.canonical }, { ...options.serial, signal });
    default:
      throw new LabError(
        'resource.unsupported',
        `${parsed.canonical} cannot be opened: ${parsed.unsupported} Nothing was opened.`,
        { resource: parsed.canonical },
      );
  }
}
