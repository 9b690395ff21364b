import { afterAll, expect, it } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { openInstrumentLink } from '../../src/engine/acquisition/instrument-link.ts';
import { chooseFamily, familyNamed } from '../../src/engine/driver/driver-table.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { Circuit } from '../../src/simulator/circuit.ts';
import { createRigolDp832 } from '../../src/simulator/dialect/rigol-dp832.ts';
import { FaultGate } from '../../src/simulator/fault.ts';
import { Random } from '../../src/simulator/random.ts';
import type { Accept } from '../../src/simulator/wire/device-wire.ts';
import { acceptScpi } from '../../src/simulator/wire/scpi-connection.ts';
import { openSocketServer } from '../../src/simulator/wire/socket-server.ts';

/** Outputs off on a raw socket, which has no device clear: the connection is given up and opened anew. */

afterAll(() => expect(openScopes()).toEqual([]));

const BLOCK_BYTES = 16 * 1024 * 1024;
const never = new AbortController().signal;

/** The instrument of `accept`, whose `DATA?` is a block of 16 MiB that stops short of its end: it takes as long as one likes. */
function withLongTransfer(accept: Accept): { accept: Accept; connections(): number } {
  let connections = 0;
  return {
    connections: () => connections,
    accept(wire) {
      connections++;
      const inner = accept(wire);
      return {
        closed: () => inner.closed(),
        async receive(bytes) {
          if (!Buffer.from(bytes).includes('DATA?')) return inner.receive(bytes);
          void wire.send(Buffer.from(`#8${BLOCK_BYTES}`));
          void wire.send(Buffer.alloc(BLOCK_BYTES - 1024, 7));
        },
      };
    },
  };
}

it('a supply in the middle of a transfer of 16 MiB is switched off and says so; the session goes on', async () => {
  const clock = createSystemClock();
  const circuit = new Circuit(clock);
  const supply = createRigolDp832(circuit, new Random(4));
  const port = { instrument: supply, gate: new FaultGate(new Random(1), clock), ledger: undefined };
  const served = withLongTransfer(acceptScpi(port));
  await using server = await openSocketServer(0, served.accept);
  await using link = await openInstrumentLink(`TCPIP0::127.0.0.1::${server.port}::SOCKET`, {
    clock,
    timeoutMs: 2000,
    choose: chooseFamily,
    named: familyNamed,
    report: (error) => {
      throw error;
    },
  });
  const { driver, session } = link;
  await driver.setControl('ch1.voltage.set', 5, never);
  await driver.setControl('ch1.output', true, never);
  expect(circuit.source.on).toBe(true);

  const before = session.stats.bytesIn;
  const block = session.queryBlock('DATA?', { priority: 'background', timeoutMs: 60_000 });
  const cut = expect(block).rejects.toMatchObject({ code: 'safety.refused' });
  while (session.stats.bytesIn < before + 1024 * 1024) await new Promise((resolve) => setImmediate(resolve));

  const off = await driver.outputsOff();
  expect(off.length).toBeGreaterThan(0);
  for (const output of off) expect(output).toMatchObject({ confirmed: true });
  expect(circuit.source.on).toBe(false);
  await cut;
  expect(session.stats.reopened).toBe(1);
  expect(served.connections()).toBe(2);
  expect(await session.query('*IDN?')).toMatch(/DP832/);
});
