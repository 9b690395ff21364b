import type { CallInput } from '../../contract/calls.ts';
import { LabError } from '../../core/errors.ts';
import type { Driver } from '../driver/driver.ts';
import type { Session } from '../session/session.ts';
import type { TransportControl } from '../transport/transport.ts';

export type InstrumentAction = CallInput<'instrument.act'>['action'];

/** How long another owner of the instrument is waited for; ms. */
const LOCK_MS = 2000;

/**
 * Does what the way (or, for the front panel, the dialect) can beside bytes, in its turn on the wire, unless `cancel` comes first. Gives the status byte for `status-byte`. Throws
 * `transport.unsupported`, `transport.busy` (locked by another), the errors of the session.
 */
export async function act(
  action: InstrumentAction,
  session: Session,
  driver: Driver,
  cancel?: AbortSignal,
): Promise<number | null> {
  if (action === 'local' && driver.toLocal) {
    await driver.toLocal();
    return null;
  }
  return session.control(
    async (control, signal) => {
      switch (action) {
        case 'clear':
          await having(control, 'clear', session)(signal);
          return null;
        case 'trigger':
          await having(control, 'trigger', session)(signal);
          return null;
        case 'status-byte':
          return having(control, 'statusByte', session)(signal);
        case 'lock':
          await having(control, 'lock', session)({ timeoutMs: LOCK_MS, signal });
          return null;
        case 'unlock':
          await having(control, 'unlock', session)(signal);
          return null;
        case 'local':
        case 'remote':
          await having(control, 'remoteLocal', session)(action === 'local' ? 'local' : 'assert-and-address', signal);
          return null;
      }
    },
    { priority: 'person', ...(cancel ? { signal: cancel } : {}) },
  );
}

function having<K extends keyof TransportControl>(
  control: TransportControl,
  name: K,
  { resource }: Session,
): NonNullable<TransportControl[K]> {
  const found = control[name];
  if (found) return found.bind(control) as NonNullable<TransportControl[K]>;
  throw new LabError(
    'transport.unsupported',
    `The way to ${resource} has no ${WORDS[name]}. Nothing was sent. Another way to the same instrument (VXI-11, HiSLIP, USB, GPIB) may have it.`,
    { resource },
  );
}

const WORDS: Record<keyof TransportControl, string> = {
  clear: 'device clear',
  trigger: 'trigger',
  statusByte: 'status byte',
  onServiceRequest: 'service request',
  lock: 'lock',
  unlock: 'lock',
  remoteLocal: 'remote and local',
  sendBreak: 'break',
  setModemLines: 'modem lines',
};
