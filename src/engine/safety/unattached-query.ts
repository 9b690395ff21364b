import type { ProtectedDevice } from '../../contract/safety-schema.ts';
import { LabError } from '../../core/errors.ts';
import type { Identity } from '../../core/instrument.ts';
import { looksLikeIdentity, parseIdentity } from '../../protocol/idn.ts';
import { hasSerial, instrumentId } from '../acquisition/instrument-id.ts';
import type { Session } from '../session/session.ts';
import { asksOnly } from './judge-text.ts';

export interface ProtectedBench {
  safety: {
    isLimited(instrument: string): boolean;
    readonly devices: readonly Pick<ProtectedDevice, 'outputs'>[];
    /** The emergency stop is latched. */
    readonly isStopped: boolean;
  };
}

/**
 * A command for an instrument that is not attached at this address: it may be one with limits, attached by another way or not at all. While a bench has
 * limits, commands go only to an instrument that says who it is, and is none of them; while the emergency stop holds, questions only. Throws `safety.refused`.
 */
export async function refuseProtected(session: Session, text: string, { safety }: ProtectedBench): Promise<void> {
  if (asksOnly(text)) return;
  if (safety.isStopped)
    throw new LabError(
      'safety.refused',
      `${session.resource} is not attached, so nobody knows what “${text.slice(0, 40)}” switches on there, and the emergency stop holds. Nothing was sent. Release it first.`,
      { resource: session.resource },
    );
  if (safety.devices.length === 0) return;
  const reply = await session.query('*IDN?').catch(() => '');
  if (looksLikeIdentity(reply) && !isProtected(parseIdentity(reply), session.resource, safety)) return;
  const who = looksLikeIdentity(reply)
    ? `${session.resource} is an instrument with limits`
    : `${session.resource} does not say who it is`;
  throw new LabError(
    'safety.refused',
    `${who}, and devices of this bench are protected. Nothing was sent. Attach it and use its console, where commands are judged, or remove the limits (Limits, beside Outputs off).`,
    { resource: session.resource },
  );
}

/** Without a serial number any unit of that model may be the one with limits: an address has many names. */
function isProtected(identity: Identity, resource: string, safety: ProtectedBench['safety']): boolean {
  const id = instrumentId(identity, resource);
  if (safety.isLimited(id)) return true;
  if (hasSerial(identity)) return false;
  const model = id.slice(0, id.lastIndexOf('/') + 1);
  return safety.devices.some(({ outputs }) => outputs.some(({ instrument }) => instrument.startsWith(model)));
}
