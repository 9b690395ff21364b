interface Line {
  last: Promise<unknown>;
  waiting: number;
  /** Number of the last begin or end. */
  movedAt: number;
}

/** What is done to one equipment is done one after another, so that answers come in the order of what was asked; each equipment has a line of its own. */
export class EquipmentTurns {
  readonly #lines = new Map<string, Line>();
  #moves = 0;

  /** Counts begins and ends: with `isQuietSince` it tells whether an answer is older than a turn. */
  get moves(): number {
    return this.#moves;
  }

  /** Those that have a turn, or wait for one. */
  get busy(): string[] {
    return [...this.#lines].filter(([, { waiting }]) => waiting > 0).map(([equipment]) => equipment);
  }

  /** Does it when all before have ended, however they ended; gives what `work` gives, throws what it throws. */
  run<T>(equipment: string, work: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(equipment) ?? { last: Promise.resolve(), waiting: 0, movedAt: 0 };
    this.#lines.set(equipment, line);
    line.waiting++;
    line.movedAt = ++this.#moves;
    const turn = line.last.then(work).finally(() => {
      line.waiting--;
      line.movedAt = ++this.#moves;
    });
    line.last = turn.catch(() => undefined);
    return turn;
  }

  /** Nothing was done to it, or is, since `moves` was that number. */
  isQuietSince(equipment: string, moves: number): boolean {
    const line = this.#lines.get(equipment);
    return !line || (line.waiting === 0 && line.movedAt <= moves);
  }
}
