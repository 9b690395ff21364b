import { LabError } from '../../core/errors.ts';
import type { AttachedAt, AttachmentHost } from './attachment-host.ts';
import { identityText, instrumentId } from './instrument-id.ts';
import { type InstrumentLink, openInstrumentLink } from './instrument-link.ts';

const FIRST_MS = 500;
const MOST_MS = 30_000;

/** Another unit that answers where this one was. */
export interface Stranger {
  idn: string;
  resource: string;
}

/** Which try is next, and when; with the reason why the last one failed. */
export interface Retry {
  attempt: number;
  atNs: string;
  error: LabError | undefined;
  /** Set while another unit answers there: the person decides. */
  stranger: Stranger | undefined;
}

/**
 * Opens the link to the same unit again, with back-off, for as long as it takes: where it was, else on the other ways it may be back on. Only reads: no
 * output changes. Another unit in its place is told (`stranger`, error `instrument.mismatch`) and looked past: the tries go on.
 * Throws the signal's reason when aborted; nothing is left open then.
 */
export async function reconnect(
  attached: AttachedAt,
  host: AttachmentHost,
  signal: AbortSignal,
  onRetry: (retry: Retry) => void,
): Promise<InstrumentLink> {
  let failure: Pick<Retry, 'error' | 'stranger'> = { error: undefined, stranger: undefined };
  for (let attempt = 1; ; attempt++) {
    const waitMs = Math.min(MOST_MS, FIRST_MS * 2 ** (attempt - 1));
    onRetry({ attempt, atNs: String(host.clock.nowNs() + BigInt(waitMs) * 1_000_000n), ...failure });
    await attached.hurry.pause(host.clock, waitMs, signal);
    // Attached in its place by hand: left alone.
    if (!host.isInUse(attached.resource)) {
      const known = await knock(attached, attached.resource, host, signal);
      if ('link' in known) return known.link;
      failure = known;
    }
    for (const resource of await host.otherPaths(attached, signal)) {
      signal.throwIfAborted();
      const other = await knock(attached, resource, host, signal);
      if ('link' in other) return other.link;
    }
    signal.throwIfAborted();
  }
}

/** The link if the same unit answers there, else why not. Throws the signal's reason when aborted. */
async function knock(
  attached: AttachedAt,
  resource: string,
  host: AttachmentHost,
  signal: AbortSignal,
): Promise<{ link: InstrumentLink } | Pick<Retry, 'error' | 'stranger'>> {
  const { id, label, home, options } = attached;
  let link: InstrumentLink;
  try {
    link = await openInstrumentLink(resource, host.linkPlace(attached), options);
  } catch (thrown) {
    signal.throwIfAborted();
    return { error: LabError.from(thrown), stranger: undefined };
  }
  if (instrumentId(link.identity, home) === id && !signal.aborted) return { link };
  await link[Symbol.asyncDispose]();
  signal.throwIfAborted();
  host.met(link.identity, resource);
  const { maker, model, serial } = link.identity;
  return {
    error: new LabError(
      'instrument.mismatch',
      `${resource} is now ${[maker, model, serial].filter(Boolean).join(' ')}, not ${label} (${id}). Its data pause. Plug ${label} in again and it goes on, or take the other one in its place.`,
      { resource, instrument: id },
    ),
    stranger: { idn: identityText(link.identity), resource },
  };
}
