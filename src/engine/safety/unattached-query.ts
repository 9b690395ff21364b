import { LabError } from '../../core/errors.ts';
import { looksLikeIdentity, parseIdentity } from '../../protocol/idn.ts';
import { instrumentId } from '../acquisition/instrument-id.ts';
import type { Session } from '../session/session.ts';
import { asksOnly } from './judge-text.ts';

export interface ProtectedBench {
  safety: { isLimited(instrument: string): boolean; readonly devices: readonly unknown[] };
}

/**
 * A command for an instrument that is not attached at this address: it may be one with limits, attached by another way or not at all. While a bench has
 * limits, commands go only to an instrument that says who it is, and is none of them. Throws `safety.refused`.
 */
export async function refuseProtected(session: Session, text: string, { safety }: ProtectedBench): Promise<void> {
  if (safety.devices.length === 0 || asksOnly(text)) return;
  const reply = await session.query('*IDN?').catch(() => '');
  if (looksLikeIdentity(reply) && !safety.isLimited(instrumentId(parseIdentity(reply), session.resource))) return;
  const who = looksLikeIdentity(reply)
    ? `${session.resource} is an instrument with limits`
    : `${session.resource} does not say who it is`;
  throw new LabError(
    'safety.refused',
    `${who}, and devices of this bench are protected. Nothing was sent. Attach it and use its console, where commands are judged, or remove the limits (Limits, beside Outputs off).`,
    { resource: session.resource },
  );
}
