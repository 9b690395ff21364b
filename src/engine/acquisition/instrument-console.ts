import { LabError } from '../../core/errors.ts';
import { isQuery } from '../../protocol/scpi-line.ts';
import type { Driver } from '../driver/driver.ts';
import { ScpiDialog } from '../driver/scpi-dialog.ts';
import { summarizeReply } from '../session/reply-summary.ts';
import type { Session } from '../session/session.ts';

/** Bytes of a reply given for the hex view. */
const MAX_RAW_BYTES = 64 * 1024;

/** What an instrument said to a text; a command says nothing. */
export interface ConsoleReply {
  /** Blocks as a summary. */
  text: string | null;
  /** The first 64 KiB of it, without the line end. */
  raw: Uint8Array | undefined;
  sizeBytes: number;
}

export interface ConsolePlace {
  session: Session;
  driver: Driver;
  /** Errors that belong to no command of this text. */
  report(error: LabError): void;
}

/**
 * Sends a text of a person. After a command to an instrument whose dialect is known its complaints are read, so that a refused one is told as such
 * (`instrument.rejected`). Throws that and the errors of the session.
 */
export async function sendText(
  { session, driver, report }: ConsolePlace,
  text: string,
  { timeoutMs, signal }: { timeoutMs: number | undefined; signal: AbortSignal },
): Promise<ConsoleReply> {
  const options = { priority: 'person' as const, signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
  const knowsDialect = driver.shape.role !== 'unknown' && !driver.stream;
  const dialog = knowsDialect ? new ScpiDialog(session, report) : undefined;
  if (isQuery(text)) {
    try {
      const reply = await session.query(text, options);
      const raw = Buffer.from(reply.slice(0, MAX_RAW_BYTES), 'latin1');
      return { text: summarizeReply(reply), raw, sizeBytes: reply.length };
    } catch (error) {
      // A query the instrument refuses is never answered: its error queue knows why.
      if (LabError.from(error).code !== 'transport.timeout') throw error;
      const explain = driver.explain?.(text, { priority: 'person' }) ?? dialog?.explain(text, { priority: 'person' });
      throw (await explain?.catch(() => undefined)) ?? error;
    }
  }
  if (driver.send) await driver.send(text, options);
  else if (dialog) await dialog.change([text], options);
  else await session.write(text, options);
  return { text: null, raw: undefined, sizeBytes: 0 };
}
