import type { Writable } from 'node:stream';

/** Standard output as commands use it: lines, with back-pressure, and an end that is noticed. */
export interface Output {
  /** Resolves when the next line may follow: a slow pipe slows the command, nothing piles up. */
  line(text: string): Promise<void>;
  /** One object on one line. */
  json(value: unknown): Promise<void>;
  /** Columns padded to their widest cell. */
  table(rows: readonly (readonly string[])[]): Promise<void>;
}

/** `onGone`: nobody reads any more (`labwire read … | head`). */
export function createOutput(stream: Writable, onGone: () => void): Output {
  let isGone = false;
  stream.on('error', () => {
    isGone = true;
    onGone();
  });
  const line = (text: string): Promise<void> => {
    if (isGone || stream.write(`${text}\n`)) return Promise.resolve();
    return new Promise((resolve) => {
      const next = (): void => {
        stream.off('drain', next);
        stream.off('error', next);
        resolve();
      };
      stream.on('drain', next);
      stream.on('error', next);
    });
  };
  return {
    line,
    json: (value) => line(JSON.stringify(value)),
    async table(rows) {
      const widthOf = (at: number): number => Math.max(...rows.map((row) => row[at]?.length ?? 0));
      const widths = (rows[0] ?? []).map((_, at) => widthOf(at));
      for (const row of rows)
        await line(
          row
            .map((cell, at) => cell.padEnd(widths[at] ?? 0))
            .join('  ')
            .trimEnd(),
        );
    },
  };
}
