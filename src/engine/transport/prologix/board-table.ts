import { LabError } from '../../../core/errors.ts';
import { parseResource } from '../../../core/resource.ts';
import { adapterResource } from './adapter-resource.ts';

/** Adapters by GPIB board number: `GPIB0::7::INSTR` is what programs written for a vendor's VISA say. */
const boards = new Map<number, Set<string>>();

/**
 * Makes the adapters that these addresses name boards of their number (`PRLGX-TCPIP1::…` is board 1), from now on for the whole process: those an engine
 * remembers, and those that were opened. Other addresses are passed over.
 */
export function noteBoards(resources: Iterable<string>): void {
  for (const resource of resources) {
    if (!/^PRLGX-/i.test(resource)) continue;
    const parsed = parseResource(resource);
    if (parsed.kind !== 'prologix') continue;
    const known = boards.get(parsed.board) ?? new Set();
    boards.set(parsed.board, known.add(adapterResource(parsed)));
  }
}

/** The adapter that is a board; undefined: none. Throws `resource.unsupported` when several adapters have that number: which one is meant is not guessed. */
export function boardResource(board: number): string | undefined {
  const known = [...(boards.get(board) ?? [])];
  if (known.length < 2) return known[0];
  throw new LabError(
    'resource.unsupported',
    `Several GPIB adapters have board number ${board} (${known.join(', ')}), so which one is meant cannot be told. Nothing was opened. Attach the instrument by its adapter, or give one of them another number (PRLGX-TCPIP${board + 1}::…).`,
    { board, adapters: known },
  );
}

/** Forgets the adapters of a number. */
export function forgetBoard(board: number): void {
  boards.delete(board);
}
