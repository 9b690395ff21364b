import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
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
  note(text: string): void;
  sent(text: string, bytes: number): void;
  /** Counts the markers of the whole session. */
  countMarker(): number;
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
 * Why it is safe. Draining alone proves nothing: the late answer may come a moment later. Device clear empties the output queue of the device
 * (488.2 5.8). A new connection into the instrument itself never carries what was meant for the old one. On a line that stays the same
 * (serial, device server) a marker is asked for: `*OPC?` so many times in one message, whose answer `1;1;…` no other question has
 * and which differs from the marker before. A device answers in the order it is asked (488.2 6.1.6), so behind the marker's answer nothing
 * older can follow; a device that swaps neighbours is caught by the silence demanded after it.
 */
export async function recoverWire(parts: RecoveryParts): Promise<void> {
  const { limits } = parts;
  await parts.wire().drain({ quietMs: limits.quietMs, maxMs: limits.drainMs, minMs: limits.drainMs });
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
  const { control } = wire.transport;
  if (!control?.clear) return false;
  const controller = new AbortController();
  const timer = parts.clock.after(parts.limits.clearMs, () => controller.abort());
  try {
    await control.clear(controller.signal);
    parts.note('device clear: nothing sent before is answered now');
    return await wire.drain({ quietMs: parts.limits.quietMs, maxMs: parts.limits.drainMs });
  } catch (error) {
    parts.note(`device clear failed: ${LabError.from(error).message}`);
    return false;
  } finally {
    timer[Symbol.dispose]();
  }
}

/** Fewest repeats in a marker, and how many markers differ before they repeat. */
const MARKER_MIN = 2;
const MARKER_KINDS = 8;

async function resynchronise(parts: RecoveryParts): Promise<boolean> {
  const { limits } = parts;
  const wire = parts.wire();
  for (let attempt = 0; attempt < limits.markerTries; attempt++) {
    const repeats = MARKER_MIN + (parts.countMarker() % MARKER_KINDS);
    const question = Array(repeats).fill('*OPC?').join(';');
    const answer = Array(repeats).fill('1').join(';');
    const bytes = Buffer.from(question + parts.writeTermination, 'latin1');
    parts.sent(question, bytes.length);
    try {
      await wire.ask({
        bytes,
        kind: 'line',
        timeoutMs: limits.markerMs,
        timedOut: () => new LabError('transport.timeout', 'The marker did not come back.'),
        isMeant: (line) => line.replace(/[+\s]/g, '') === answer,
      });
    } catch (error) {
      const failure = LabError.from(error);
      if (failure.code === 'transport.closed' || failure.code === 'transport.failed') throw failure;
      continue;
    }
    if (await wire.isSilent(limits.quietMs)) {
      parts.note('the marker came back: in step again');
      return true;
    }
  }
  return false;
}
