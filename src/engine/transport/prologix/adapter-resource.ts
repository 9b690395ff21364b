import type { LineEnd } from '../../../core/resource-shape.ts';

/** The spelling of the adapter itself, whatever instrument behind it was named. */
export function adapterResource({ board, line }: { board: number; line: LineEnd }): string {
  return line.kind === 'tcp'
    ? `PRLGX-TCPIP${board}::${line.host}::${line.port}::INTFC`
    : `PRLGX-ASRL${board}::${line.port}::INTFC`;
}
