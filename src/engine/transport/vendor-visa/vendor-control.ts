import { REMOTE_MODES, type TransportControl } from '../transport.ts';
import { waitForLock } from './lock-wait.ts';
import type { VisaCall, VisaValue } from './visa-messages.ts';

/** What the calls need of the transport. */
export interface ControlParts {
  session: number;
  /** Longest wait in one call of the library. */
  sliceMs: number;
  /** Throws as the calls of TransportControl do. `doing` begins the message then. */
  ask(request: VisaCall, doing: string, signal: AbortSignal | undefined): Promise<VisaValue>;
  clear(signal: AbortSignal | undefined): Promise<void>;
}

/** What the vendor's VISA does beside bytes. */
export function vendorControl({ session, sliceMs, ask, clear }: ControlParts): TransportControl {
  const order = async (request: VisaCall, doing: string, signal?: AbortSignal): Promise<void> => {
    await ask(request, doing, signal);
  };
  return {
    clear,
    trigger: (signal) => order({ call: 'trigger', session }, 'Cannot trigger', signal),
    async statusByte(signal) {
      const { statusByte } = await ask({ call: 'statusByte', session }, 'Cannot read the status byte', signal);
      return statusByte ?? 0;
    },
    lock: (options) =>
      waitForLock(options, sliceMs, {
        lock: (request) => order({ call: 'lock', session, ...request }, 'Cannot lock'),
        unlock: () => order({ call: 'unlock', session }, 'Cannot unlock'),
      }),
    unlock: (signal) => order({ call: 'unlock', session }, 'Cannot unlock', signal),
    remoteLocal: (mode, signal) =>
      order({ call: 'remote', session, mode: REMOTE_MODES.indexOf(mode) }, `Cannot go to '${mode}'`, signal),
  };
}
