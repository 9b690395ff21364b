import type { Clock } from '../../core/clock.ts';
import { delay } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { Attachment } from '../acquisition/attachment.ts';

export interface SendFile {
  attachment: Pick<Attachment, 'query' | 'label'>;
  clock: Clock;
  text: string;
  /** Between two lines. */
  pauseMs: number;
  /** Throws before a line that may not be sent any more (somebody has locked the instrument). */
  mayGoOn?: (() => void) | undefined;
  signal: AbortSignal;
  progress(share: number): void;
}

/**
 * Sends the lines of a file one after another; questions wait for their answer. Empty lines and comments (`#`, `//`) are left out: `#` begins no command, only
 * the data of one. Stops at the first line that is refused and says which; those before it were carried out. Throws that error, or that of the signal.
 */
export async function sendLines({
  attachment,
  clock,
  text,
  pauseMs,
  mayGoOn,
  signal,
  progress,
}: SendFile): Promise<void> {
  const lines = text
    .split(/\r\n|\r|\n/)
    .map((line, index) => ({ line: line.trim(), number: index + 1 }))
    .filter(({ line }) => line !== '' && !/^(#|\/\/)/.test(line));
  for (const [index, { line, number }] of lines.entries()) {
    signal.throwIfAborted();
    try {
      mayGoOn?.();
      await attachment.query(line, undefined);
    } catch (thrown) {
      const error = LabError.from(thrown);
      throw new LabError(
        error.code,
        `Line ${number} “${line.slice(0, 80)}” was not carried out, and nothing after it was sent (${index} of ${lines.length} lines were). ${error.message}`,
        { ...error.details, line: number },
        { cause: error },
      );
    }
    progress((index + 1) / lines.length);
    if (pauseMs > 0 && index + 1 < lines.length) await delay(clock, pauseMs, signal);
  }
}
