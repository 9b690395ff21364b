import { LabError } from '../../../core/errors.ts';
import { USBTMC_REQUEST, USBTMC_STATUS, type UsbtmcCapabilities } from '../../../protocol/usbtmc.ts';
import type { RemoteMode, TransportControl } from '../transport.ts';
import type { UsbtmcFunction } from './usbtmc-function.ts';
import type { UsbtmcInterrupt } from './usbtmc-interrupt.ts';
import type { UsbtmcQuirks } from './usbtmc-quirks.ts';

/**
 * viGpibControlREN by the requests of USB488 4.3.2 to 4.3.4; a device is addressed by being spoken to. GO_TO_LOCAL comes before REN is taken
 * away: without REN there is no remote to leave.
 */
const REMOTE_STEPS: Record<RemoteMode, [request: number, value: number][]> = {
  deassert: [[USBTMC_REQUEST.renControl, 0]],
  assert: [[USBTMC_REQUEST.renControl, 1]],
  'deassert-and-local': [
    [USBTMC_REQUEST.goToLocal, 0],
    [USBTMC_REQUEST.renControl, 0],
  ],
  'assert-and-address': [[USBTMC_REQUEST.renControl, 1]],
  'assert-and-lockout': [
    [USBTMC_REQUEST.renControl, 1],
    [USBTMC_REQUEST.localLockout, 0],
  ],
  'assert-address-and-lockout': [
    [USBTMC_REQUEST.renControl, 1],
    [USBTMC_REQUEST.localLockout, 0],
  ],
  local: [[USBTMC_REQUEST.goToLocal, 0]],
};

/** What the interface can do, by its capabilities, endpoints and quirks. There is no lock: a claimed interface has one owner anyway. */
export function usbtmcControl(
  owner: UsbtmcFunction,
  { capabilities, quirks }: { capabilities: UsbtmcCapabilities; quirks: UsbtmcQuirks },
  {
    interrupt,
    clear,
    trigger,
  }: {
    interrupt: UsbtmcInterrupt;
    clear: (signal?: AbortSignal) => Promise<void>;
    trigger: (signal?: AbortSignal) => Promise<void>;
  },
): TransportControl {
  const { isUsb488, interruptIn } = owner.endpoints;
  return {
    clear,
    ...(capabilities.hasTrigger ? { trigger } : {}),
    ...(isUsb488 ? { statusByte: (signal?: AbortSignal) => interrupt.statusByte(signal) } : {}),
    ...(isUsb488 && interruptIn
      ? { onServiceRequest: async (listener: (byte: number | undefined) => void) => interrupt.listen(listener) }
      : {}),
    ...(capabilities.hasRemoteLocal && !quirks.isRemoteLocalBroken
      ? { remoteLocal: (mode: RemoteMode) => remoteLocal(owner, mode) }
      : {}),
  };
}

async function remoteLocal(owner: UsbtmcFunction, mode: RemoteMode): Promise<void> {
  for (const [request, value] of REMOTE_STEPS[mode]) {
    const answer = await owner.request(request, value, 1);
    if (answer?.[0] === USBTMC_STATUS.success) continue;
    const message = `The USB instrument does not go to '${mode}', though it says it could. It is as it was.`;
    throw new LabError('transport.unsupported', message, { mode });
  }
}
