import { mkdir } from 'node:fs/promises';
import { LabError } from '../core/errors.ts';
import { Scope } from '../core/scope.ts';
import type { BenchInstrument, BenchOptions } from './bench/bench-options.ts';
import { type BenchParts, openBenchParts } from './bench/bench-parts.ts';
import { addLanWays, openCircuitInstruments } from './bench/circuit-instruments.ts';
import { openFamilyInstruments } from './bench/family-instruments.ts';
import { openGpibInstruments } from './bench/gpib-instruments.ts';
import type { LanHost } from './bench/lan-ways.ts';
import { openModbusSupply } from './bench/modbus-supply.ts';
import { SerialNumbers } from './bench/simulated-family.ts';
import { openUsbInstrument } from './bench/usb-instrument.ts';
import type { Circuit } from './circuit.ts';
import type { FaultInput } from './fault.ts';

/** The running bench. Disposing it closes every server and pseudo-terminal. */
export interface Bench extends AsyncDisposable {
  /** The five on the circuit first. */
  readonly instruments: BenchInstrument[];
  /** The circuit itself, for tests that compare a reading with the truth. */
  readonly circuit: Circuit;
  /** Of all ways of an instrument. Throws instrument.unknown. */
  setFault(name: string, fault: FaultInput): void;
  /** Resolves when the ledgers hold everything sent so far. */
  flushLedger(): Promise<void>;
}

/** Starts the instruments on loopback. Throws `simulator.failed` when a port that was asked for is taken, `call.invalid` for an unknown family. */
export async function openBench(options: BenchOptions = {}): Promise<Bench> {
  const scope = new Scope('simulated bench');
  try {
    return await openIn(scope, options);
  } catch (error) {
    await scope[Symbol.asyncDispose]();
    throw error;
  }
}

async function openIn(scope: Scope, options: BenchOptions): Promise<Bench> {
  const { ledgerDir, ways = 'plain', families = [], announce = false } = options;
  if (ledgerDir) await mkdir(ledgerDir, { recursive: true });
  const parts = await openBenchParts(scope, options);
  const five = await openCircuitInstruments(parts, options);
  const instruments = [...five.rows];
  /** On addresses of the bench beside 127.0.0.1. */
  const elsewhere: BenchInstrument[] = [];
  const serials = new SerialNumbers(instruments.map(({ idn }) => idn));
  if (ways === 'all') {
    const [hosts, ...more] = await Promise.all([
      addLanWays(parts, five),
      openGpibInstruments(parts, serials),
      openUsbInstrument(parts, serials),
      openModbusSupply(parts),
    ]);
    elsewhere.push(...more.flat());
    if (announce) await announceHosts(parts, hosts, five.rows);
  }
  elsewhere.push(...(await openFamilyInstruments(parts, families, serials)));
  instruments.push(...elsewhere);
  noteSharedAddress(
    parts,
    instruments.filter((row) => elsewhere.includes(row) || row.resources.length > 2),
  );
  return {
    instruments,
    circuit: parts.circuit,
    setFault: (name, fault) => parts.setFault(name, fault),
    flushLedger: () => parts.flushLedgers(),
    [Symbol.asyncDispose]: async () => {
      parts.clearFaults();
      await scope[Symbol.asyncDispose]();
    },
  };
}

/** Says to this machine what LAN instruments there are; the list of whoever looks fills while the bench runs already. What cannot be announced listens all the same. */
async function announceHosts(
  { scope }: BenchParts,
  hosts: readonly LanHost[],
  rows: readonly BenchInstrument[],
): Promise<void> {
  // Loaded where it is used: it listens to multicast as soon as it stands.
  const { announceInstrument } = await import('./announce.ts');
  const announced: AsyncDisposable[] = [];
  // Their goodbyes together: each may take a second.
  scope.defer(async () => void (await Promise.all(announced.map((one) => one[Symbol.asyncDispose]()))));
  for (const host of hosts) {
    try {
      announced.push(announceInstrument({ host: host.host, ports: host.ports, identity: host.identity }));
    } catch (error) {
      const row = rows.find(({ name }) => name === host.instrument);
      if (row) row.reason = LabError.from(error).message;
    }
  }
}

/** Where there is one address only, whoever looks for the real ports hears why they are not there. */
function noteSharedAddress({ loopback: { reason } }: BenchParts, rows: readonly BenchInstrument[]): void {
  if (reason === undefined) return;
  for (const row of rows) {
    const note = `At 127.0.0.1 on free ports: ${reason}.`;
    row.reason = row.reason === undefined ? note : `${row.reason} ${note}`;
  }
}
