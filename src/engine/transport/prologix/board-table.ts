/** Adapters by GPIB board number: `GPIB0::7::INSTR` is what programs written for a vendor's VISA say. */
const boards = new Map<number, string>();

/** Makes the adapter at `resource` (`PRLGX-…::INTFC`) board `board`; undefined: no adapter has that number any more. */
export function registerBoard(board: number, resource: string | undefined): void {
  if (resource === undefined) boards.delete(board);
  else boards.set(board, resource);
}

/** The adapter registered under a board number. */
export function boardResource(board: number): string | undefined {
  return boards.get(board);
}

/** Every registered board, in order of its number. */
export function registeredBoards(): { board: number; resource: string }[] {
  return [...boards].map(([board, resource]) => ({ board, resource })).sort((a, b) => a.board - b.board);
}
