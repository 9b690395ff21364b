import { delay } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { Attached, AttachmentHost } from './attachment-host.ts';
import { instrumentId } from './instrument-id.ts';
import { type InstrumentLink, openInstrumentLink } from './instrument-link.ts';

const FIRST_MS = 500;
const MOST_MS = 30_000;

/** Which try is next, and when; with the reason why the last one failed. */
export interface Retry {
  attempt: number;
  atNs: string;
  error: LabError | undefined;
}

/**
 * Opens the link to the same unit again, with back-off, for as long as it takes. Only reads: no output changes.
 * Throws `instrument.mismatch` when another unit answers there, the signal's reason when aborted; nothing is left open then.
 */
export async function reconnect(
  attached: Attached & { resource: string },
  host: AttachmentHost,
  signal: AbortSignal,
  onRetry: (retry: Retry) => void,
): Promise<InstrumentLink> {
  const { resource, id, label } = attached;
  let error: LabError | undefined;
  for (let attempt = 1; ; attempt++) {
    const waitMs = Math.min(MOST_MS, FIRST_MS * 2 ** (attempt - 1));
    onRetry({ attempt, atNs: String(host.clock.nowNs() + BigInt(waitMs) * 1_000_000n), error });
    await delay(host.clock, waitMs, signal);
    let link: InstrumentLink;
    try {
      link = await openInstrumentLink(resource, host.linkPlace(attached));
    } catch (thrown) {
      signal.throwIfAborted();
      error = LabError.from(thrown);
      continue;
    }
    const { maker, model, serial } = link.identity;
    const isSame = instrumentId(link.identity, resource) === id;
    if (isSame && !signal.aborted) return link;
    await link[Symbol.asyncDispose]();
    signal.throwIfAborted();
    throw new LabError(
      'instrument.mismatch',
      `${resource} is now ${maker} ${model} ${serial}, not ${label} (${id}). Its data do not continue; detach it and attach the other.`,
    );
  }
}
