import type { LabError } from '../../src/core/errors.ts';
import { linkSettings } from '../../src/engine/acquisition/link-settings.ts';
import { definitionFamily } from '../../src/engine/driver/definition-family.ts';
import type { Driver } from '../../src/engine/driver/driver.ts';
import { openSession } from '../../src/engine/session/open-session.ts';
import type { Session } from '../../src/engine/session/session.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { createMemoryWire } from '../../src/engine/transport/memory-transport.ts';
import type { FamilyDefinition } from '../../src/protocol/definition/definition-schema.ts';
import { parseIdentity } from '../../src/protocol/idn.ts';
import { Circuit } from '../../src/simulator/circuit.ts';
import { createDefinitionDevice } from '../../src/simulator/dialect/definition-wire.ts';
import { FaultGate } from '../../src/simulator/fault.ts';
import { Random } from '../../src/simulator/random.ts';
import type { ScpiInstrument } from '../../src/simulator/scpi/instrument.ts';

/** A driver and a simulated instrument, both made of one definition file, on a memory wire. */
export interface DefinitionBench extends AsyncDisposable {
  driver: Driver;
  session: Session;
  /** Absent for dialects that are no SCPI. */
  instrument: ScpiInstrument | undefined;
  /** What it is on. */
  circuit: Circuit;
  /** Across the screen of a scope. */
  divisions: number;
  reports: LabError[];
  /** Messages sent so far. */
  sent(): string[];
}

/** Opens the driver of a definition on the instrument that is made of it, or of another (`simulated`). */
export async function openDefinitionBench(
  definition: FamilyDefinition,
  { simulated = definition, timeoutMs = 2000 }: { simulated?: FamilyDefinition; timeoutMs?: number } = {},
): Promise<DefinitionBench> {
  const clock = createSystemClock();
  const random = new Random(7);
  const circuit = new Circuit(clock);
  const parts = { circuit, random, clock };
  const device = createDefinitionDevice(simulated, parts, { gate: new FaultGate(random, clock), ledger: undefined });
  const { accept, instrument } = device;
  const family = definitionFamily(definition);
  const settings = linkSettings({}, family.line);
  const reports: LabError[] = [];
  const session = await openSession({
    clock,
    ...settings,
    limits: { ...settings.limits, timeoutMs },
    open: async () => {
      const { transport, device: end } = createMemoryWire({ clock });
      const connection = accept({ send: (bytes) => end.send(bytes), pendingBytes: 0, cut: () => end.hangUp() });
      let before: Promise<void> = Promise.resolve();
      end.onBytes((bytes) => {
        before = before.then(() => connection.receive(bytes));
      });
      return family.frame?.(transport, clock) ?? transport;
    },
  });
  try {
    const asked = { session, resource: session.resource, options: {}, timeoutMs };
    const identity = family.identify ? await family.identify(asked) : parseIdentity(await session.query('*IDN?'));
    const report = (error: LabError) => void reports.push(error);
    const driver = await family.open({ session, clock, identity, report });
    return {
      driver,
      session,
      instrument,
      circuit,
      divisions: Number(definition.waveform?.with.divisions ?? 10),
      reports,
      sent: () => session.exchanges().flatMap(({ direction, text }) => (direction === 'sent' ? [text] : [])),
      async [Symbol.asyncDispose]() {
        await driver[Symbol.asyncDispose]();
        await session[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}
