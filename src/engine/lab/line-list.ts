import type { ServerLine } from '../../contract/server-schema.ts';

/** The same again within so many lines counts up instead of standing there twice. */
const SAME_WITHIN = 10;

/** What a server said lately, newest last; bounded. */
export class LineList {
  readonly #limit: number;
  #lines: readonly ServerLine[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get all(): ServerLine[] {
    return [...this.#lines];
  }

  add(line: Omit<ServerLine, 'count'>): void {
    const from = Math.max(0, this.#lines.length - SAME_WITHIN);
    const before = this.#lines.find(
      ({ text, topic }, index) => index >= from && text === line.text && topic === line.topic,
    );
    const others = before ? this.#lines.filter((one) => one !== before) : this.#lines;
    this.#lines = [...others, { ...line, count: (before?.count ?? 0) + 1 }].slice(-this.#limit);
  }
}
