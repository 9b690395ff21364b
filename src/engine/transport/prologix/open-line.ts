import type { LineEnd } from '../../../core/resource-shape.ts';
import { openSerial } from '../open-serial.ts';
import { openTcp, type TcpOptions } from '../open-tcp.ts';
import type { SerialOptions } from '../serial-options.ts';
import type { Transport } from '../transport.ts';

/** How the line to an adapter is opened; the first that opens it decides. */
export interface LineOptions {
  tcp?: Omit<TcpOptions, 'signal'> | undefined;
  serial?: Omit<SerialOptions, 'signal'> | undefined;
  signal?: AbortSignal | undefined;
}

/** Prologix GPIB-USB takes any baud rate, AR488 is built for this one. */
const ADAPTER_BAUD = 115_200;

/** Opens the line to an adapter. Throws the errors of the way. */
export function openLine(line: LineEnd, resource: string, options: LineOptions): Promise<Transport> {
  const { tcp, serial, signal } = options;
  if (line.kind === 'tcp') return openTcp({ host: line.host, port: line.port, resource }, { ...tcp, signal });
  return openSerial({ port: line.port, resource }, { baudRate: ADAPTER_BAUD, ...serial, signal });
}

/** The line as a key: the same adapter has the same. */
export function lineKey(line: LineEnd): string {
  return line.kind === 'tcp' ? `tcp ${line.host.toLowerCase()} ${line.port}` : `serial ${line.port}`;
}
