import { expect, test } from 'vitest';
import { ScriptedInstrument } from '../../../test/lab/scripted-instrument.ts';
import { openSession } from '../session/open-session.ts';
import { createSystemClock } from '../system-clock.ts';
import { type ProtectedBench, refuseProtected } from './unattached-query.ts';

/** A bench with limits for these. */
function bench(...instruments: string[]): ProtectedBench {
  const outputs = instruments.map((instrument) => ({ instrument, group: 'ch1' }));
  return { safety: { devices: [{ outputs }], isLimited: (id) => instruments.includes(id), isStopped: false } };
}

test.each([
  ['the one with limits', 'ACME,P1,77,1', 'ACME/P1/77', 'safety.refused'],
  ['another unit of that model', 'ACME,P1,78,1', 'ACME/P1/77', 'sent'],
  [
    'no serial number, of that model at another address',
    'ACME,P1,0,1',
    'ACME/P1/TCPIP0::localhost::1::SOCKET',
    'safety.refused',
  ],
  ['no serial number, of another model', 'ACME,P2,0,1', 'ACME/P1/TCPIP0::localhost::1::SOCKET', 'sent'],
  ['no identity', 'HTTP/1.1 400', 'ACME/P1/77', 'safety.refused'],
])('a command for one that is not attached: %s', async (_, idn, limited, outcome) => {
  await using instrument = await ScriptedInstrument.open({ '*IDN?': idn });
  await using session = await openSession({ resource: instrument.resource, clock: createSystemClock() });
  const done = refuseProtected(session, ':VOLT 30', bench(limited)).then(
    () => 'sent',
    ({ code }: { code: string }) => code,
  );
  expect(await done).toBe(outcome);
});
