import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { markerBook } from './marker-book.ts';
import type { ReplyWire } from './reply-wire.ts';
import type { SessionLimits } from './session-options.ts';

/** What the ladder needs of the session. */
export interface RecoveryParts {
  readonly clock: Clock;
  readonly limits: SessionLimits;
  readonly isFreshOnReopen: boolean;
  readonly writeTermination: string;
  wire(): ReplyWire;
  /** Closes the transport and opens it again; throws the error of the last try. */
  reopen(): Promise<void>;
  /** Outputs off waits: nothing is waited for that proves nothing. */
  isHurried(): boolean;
  /** Aborts when Outputs off begins to wait. */
  readonly hurry: AbortSignal;
  note(text: string): void;
  sent(text: string, bytes: number): void;
}

/**
 * Makes the wire clean after a question whose answer did not come, came broken, or belongs to nobody any more.
 *
 *     drain ──▶ device clear ──ok──────────────────────────────▶ clean
 *                  │ has none, failed
 *                  ├─ connection is fresh when opened again: reopen ──▶ clean
 *                  └─ line that stays the same: marker ──ok──▶ clean
 *                                                 │ failed: reopen, marker once more ──ok──▶ clean
 *                                                 ▼
 *                                              throws: the session closes and says why
 *
 * When Outputs off waits, the first drain ends at once, and a message-based way is clean with the clear itself.
 *
 * Why it is safe. Draining alone proves nothing: the late answer may come a moment later. Device clear empties the output queue of the device
 * (488.2 section 5). A new connection into the instrument itself never carries what was meant for the old one. On a line that stays the same
 * (serial, device server) markers are asked for: `*OPC?` so many times in one message, whose answer `1;1;…` no other question has and no
 * unanswered marker either. A device answers in the order it is asked (488.2 section 6), so behind the marker's answer nothing older can follow;
 * a device that swaps neighbours is caught by the silence demanded after it.
 */
export async function recoverWire(parts: RecoveryParts): Promise<void> {
  const { limits } = parts;
  const { quietMs, drainMs } = limits;
  const isHurried = (): boolean => parts.isHurried();
  // Clear and reopening are proof by themselves: late bytes are waited for only so that the trace shows them.
  const isProof = parts.wire().transport.control?.clear !== undefined || parts.isFreshOnReopen;
  const isOver = (): boolean => isProof && isHurried();
  if (!isOver()) await parts.wire().drain({ quietMs, maxMs: drainMs, minMs: drainMs, isHurried, isOver });
  if (await clearDevice(parts)) return;
  if (parts.isFreshOnReopen) {
    parts.note('reopening: late answers stay on the old connection');
    await parts.reopen();
    return;
  }
  if (await resynchronise(parts)) return;
  parts.note('reopening: the marker did not come back');
  await parts.reopen();
  if (await resynchronise(parts)) return;
  throw new LabError(
    'transport.timeout',
    'The instrument answers no marker after a timeout, also on a port opened again; a late answer could still come and be taken for another. ' +
      'The session is closed. Check the cable and the line settings, switch the instrument off and on, and attach it again.',
  );
}

async function clearDevice(parts: RecoveryParts): Promise<boolean> {
  const wire = parts.wire();
  const { control, isMessageBased } = wire.transport;
  const { clearMs, safetyClearMs, quietMs, drainMs } = parts.limits;
  if (!control?.clear) return false;
  const controller = new AbortController();
  let timer: Disposable | undefined;
  const limit = (ms: number): void => {
    timer?.[Symbol.dispose]();
    timer = parts.clock.after(ms, () => controller.abort());
  };
  const onHurry = (): void => limit(Math.min(safetyClearMs, clearMs));
  const begin = (): void => limit(parts.hurry.aborted ? Math.min(safetyClearMs, clearMs) : clearMs);
  parts.hurry.addEventListener('abort', onHurry, { once: true });
  // On a shared wire it first waits for its turn, which is no fault of the instrument.
  if (!wire.transport.isShared || parts.hurry.aborted) begin();
  try {
    const clear = async (): Promise<void> => control.clear?.(controller.signal, { onBegin: begin, hurry: parts.hurry });
    // A message-based way gives nothing of before a clear; on a stream it may still be under way.
    if (isMessageBased) await wire.clear(clear);
    else await clear();
    parts.note('device clear: nothing sent before is answered now');
    return isMessageBased || (await wire.drain({ quietMs, maxMs: drainMs }));
  } catch (error) {
    parts.note(`device clear failed: ${LabError.from(error).message}`);
    return false;
  } finally {
    parts.hurry.removeEventListener('abort', onHurry);
    timer?.[Symbol.dispose]();
  }
}

/**
 * Two markers in a row must come back. Behind the first there may be more, if what came was pieced together from fragments of older answers
 * that lost their line end; the second must then be the very first line that comes.
 */
async function resynchronise(parts: RecoveryParts): Promise<boolean> {
  let inStep = 0;
  for (let attempt = 0; attempt < parts.limits.markerTries; attempt++) {
    const strangers = await askMarker(parts);
    if (strangers === undefined) inStep = 0;
    else if (inStep === 0 || strangers > 0) inStep = 1;
    else {
      parts.note('two markers came back: in step again');
      return true;
    }
  }
  return false;
}

/** How many other lines came before the answer to a new marker; undefined if it did not come, or was followed by more. */
async function askMarker({
  limits,
  clock,
  writeTermination,
  wire,
  note,
  sent,
}: RecoveryParts): Promise<number | undefined> {
  const line = wire();
  const book = markerBook(line.transport.resource, clock.nowNs());
  const marker = book.take(clock.monotonicMs(), limits.markerLifeMs);
  if (!marker) note('answers to all markers may still come: listening only');
  // An empty line asks nothing; it ends a command of ours that was cut off.
  const bytes = Buffer.from((marker?.question ?? '') + writeTermination, 'latin1');
  if (marker) sent(marker.question, bytes.length);
  let strangers = 0;
  try {
    await line.ask({
      bytes,
      sentNs: clock.nowNs(),
      kind: 'line',
      timeoutMs: limits.markerMs,
      turnMs: limits.turnMs,
      notSent: () => new LabError('transport.timeout', 'Other instruments keep the adapter busy; no marker was sent.'),
      timedOut: () => new LabError('transport.timeout', 'The marker did not come back.'),
      isMeant: (text) => {
        book.settle(text);
        if (marker !== undefined && text.replace(/[+\s]/g, '') === marker.answer) return true;
        strangers++;
        return false;
      },
    });
  } catch (error) {
    const failure = LabError.from(error);
    if (failure.code === 'transport.closed' || failure.code === 'transport.failed') throw failure;
    return undefined;
  }
  return (await line.isSilent(limits.quietMs)) ? strangers : undefined;
}
