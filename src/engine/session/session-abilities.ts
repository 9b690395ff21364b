import type { Transport } from '../transport/transport.ts';

/** What a way has beside bytes. */
export interface SessionAbilities {
  clear: boolean;
  trigger: boolean;
  statusByte: boolean;
  serviceRequest: boolean;
  lock: boolean;
  remoteLocal: boolean;
}

export function abilitiesOf({ control = {} }: Transport): SessionAbilities {
  return {
    clear: control.clear !== undefined,
    trigger: control.trigger !== undefined,
    statusByte: control.statusByte !== undefined,
    serviceRequest: control.onServiceRequest !== undefined,
    lock: control.lock !== undefined,
    remoteLocal: control.remoteLocal !== undefined,
  };
}
