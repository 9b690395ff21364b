import { type ErrorCode, LabError } from '../../../core/errors.ts';
import { type Vxi11ErrorName, vxi11ErrorName } from '../../../protocol/vxi11.ts';

type Meaning = { code: ErrorCode; words: string };

/** What the error codes of VXI-11 table B.2 are for us, and what to do. */
const MEANINGS: { [K in Exclude<Vxi11ErrorName, 'none'>]: Meaning } = {
  syntax: {
    code: 'transport.not-found',
    words: 'it cannot read the device name. Write it as the instrument does (inst0, gpib0,5).',
  },
  notAccessible: {
    code: 'transport.not-found',
    words:
      'there is no such device, or it is switched off. Check the device name (inst0; behind a gateway gpib0,5) and the power.',
  },
  badLink: {
    code: 'transport.closed',
    words: 'it has forgotten this link (restarted, or cleaned up). What was not answered is lost; attach it again.',
  },
  parameter: { code: 'protocol.malformed', words: 'it takes a parameter of the call for wrong. Nothing was done.' },
  noChannel: { code: 'transport.unsupported', words: 'it cannot connect back to us for that. Nothing was done.' },
  notSupported: { code: 'transport.unsupported', words: 'it cannot do that. Nothing was done.' },
  outOfResources: {
    code: 'transport.busy',
    words:
      'it has no link left. Close other programs that use it; gateways forget to free links until they are switched off and on.',
  },
  locked: {
    code: 'transport.busy',
    words: 'another program holds its lock. Nothing was done. Unlock it there, or wait.',
  },
  noLock: { code: 'call.invalid', words: 'it is not locked by us, so there is nothing to unlock.' },
  ioTimeout: { code: 'transport.timeout', words: 'the device did not take or give the data in time.' },
  io: {
    code: 'transport.failed',
    words: 'the device behind the link failed (off, cable pulled, wrong address on the bus). Check it.',
  },
  badAddress: { code: 'transport.not-found', words: 'the address is wrong. Check the device name.' },
  aborted: { code: 'call.cancelled', words: 'the call was aborted.' },
  channelExists: { code: 'transport.busy', words: 'it has an interrupt channel already. Nothing was done.' },
};

/** An error code of an instrument as ours. `doing`: what was refused, as `Locking TCPIP0::…`. */
export function vxi11Error(error: number, resource: string, doing: string): LabError {
  const name = vxi11ErrorName(error);
  const meaning = name === undefined || name === 'none' ? undefined : MEANINGS[name];
  return new LabError(
    meaning?.code ?? 'transport.failed',
    `${doing} failed: ${meaning?.words ?? 'the instrument gives a code the standard does not have.'} (VXI-11 error ${error})`,
    { resource, vxi11Error: error },
  );
}
