import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { LabError } from '../core/errors.ts';
import type { Role } from '../core/instrument.ts';
import { Scope } from '../core/scope.ts';
import { Circuit } from './circuit.ts';
import { acceptDaq, DAQ_IDENTITY, DEFAULT_SEND_BUFFER_BYTES } from './daq/daq-connection.ts';
import { DaqLedger } from './daq/daq-ledger.ts';
import { createPacketSettings, createTextSettings, type DaqSettings } from './daq/daq-settings.ts';
import { createKeysight34461a } from './dialect/keysight-34461a.ts';
import { createRigolDp832 } from './dialect/rigol-dp832.ts';
import { createRigolDs1054z } from './dialect/rigol-ds1054z.ts';
import { createSiglentSdl1020x } from './dialect/siglent-sdl1020x.ts';
import { FaultGate, type FaultInput } from './fault.ts';
import { ExchangeLedger } from './ledger.ts';
import { Random } from './random.ts';
import type { ScpiInstrument } from './scpi/instrument.ts';
import { createSystemClock } from './system-clock.ts';
import type { Accept } from './wire/device-wire.ts';
import { openPtyServer, ptyUnavailable } from './wire/pty-server.ts';
import { acceptScpi } from './wire/scpi-connection.ts';
import { openSocketServer } from './wire/socket-server.ts';

export type BenchName = 'supply' | 'meter' | 'scope' | 'load' | 'daq';

export interface BenchOptions {
  /** Of all noise and all faults; default 1. */
  seed?: number;
  /** TCP ports by instrument; 0 or absent: any free one. */
  ports?: Partial<Record<BenchName, number>>;
  /** Pseudo-terminals where the system has them; false: TCP for all. Default true. */
  usePtys?: boolean;
  /** Folder to record in what was really sent; absent: not recorded. */
  ledgerDir?: string;
  /** Bytes a streaming connection of the DAQ buffers before rows are dropped; default 8 MiB. */
  sendBufferBytes?: number;
  clock?: Clock;
}

/** A row of the bench: one instrument and the ways to it. */
export interface BenchInstrument {
  name: BenchName;
  role: Role;
  idn: string;
  /** VISA resource strings. */
  resources: string[];
  /** Why a way that belongs to it is missing. */
  reason?: string;
}

/** The running bench. Disposing it closes every server and pseudo-terminal. */
export interface Bench extends AsyncDisposable {
  readonly instruments: BenchInstrument[];
  /** The circuit itself, for tests that compare a reading with the truth. */
  readonly circuit: Circuit;
  /** Throws instrument.unknown. */
  setFault(name: string, fault: FaultInput): void;
  /** Resolves when the ledgers hold everything sent so far. */
  flushLedger(): Promise<void>;
}

/** Where serial instruments stand when there are pseudo-terminals. */
interface Terminals {
  folder: string | undefined;
  reason: string | undefined;
}

/** Starts the five instruments on loopback, wired to one circuit. Throws `simulator.failed` when a port is taken. */
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
  const clock = options.clock ?? createSystemClock();
  const seed = options.seed ?? 1;
  const circuit = new Circuit(clock);
  const terminals = await openTerminals(scope, options.usePtys ?? true);
  if (options.ledgerDir) await mkdir(options.ledgerDir, { recursive: true });

  const gates = new Map<string, FaultGate>();
  const ledgers: (ExchangeLedger | DaqLedger)[] = [];
  const gate = (name: BenchName, salt: number): FaultGate => {
    const created = new FaultGate(new Random(seed * 1009 + salt), clock);
    gates.set(name, created);
    return created;
  };
  const keep = <T extends ExchangeLedger | DaqLedger>(make: (folder: string) => T): T | undefined => {
    if (!options.ledgerDir) return undefined;
    const created = scope.use(make(options.ledgerDir));
    ledgers.push(created);
    return created;
  };
  const ledger = (name: string) => keep((folder) => new ExchangeLedger(folder, name, clock));

  const overTcp = async (accept: Accept, port = 0): Promise<string> => {
    const server = scope.use(await openSocketServer(port, accept));
    return `TCPIP0::127.0.0.1::${server.port}::SOCKET`;
  };
  const overPty = async (name: BenchName, accept: Accept, port = 0): Promise<string> => {
    if (terminals.folder === undefined) return overTcp(accept, port);
    const server = scope.use(await openPtyServer(terminals.folder, name, accept));
    return `ASRL${server.path}::INSTR`;
  };
  const scpi = (name: BenchName, instrument: ScpiInstrument, salt: number): Accept =>
    acceptScpi({ instrument, gate: gate(name, salt), ledger: ledger(name) });
  const noise = (salt: number) => new Random(seed * 7919 + salt);

  const supply = createRigolDp832(circuit, noise(1));
  const meter = createKeysight34461a(circuit, noise(2), clock);
  const oscilloscope = createRigolDs1054z(circuit, noise(3), clock);
  const load = createSiglentSdl1020x(circuit, noise(4));

  const daqGate = gate('daq', 5);
  const daqPort = (settings: DaqSettings, name: 'packet' | 'text'): Accept =>
    acceptDaq({
      settings,
      circuit,
      random: noise(name === 'packet' ? 5 : 6),
      clock,
      gate: daqGate,
      exchanges: ledger(`daq.${name}`),
      ledger: keep((folder) => new DaqLedger(folder, name)),
      sendBufferBytes: options.sendBufferBytes ?? DEFAULT_SEND_BUFFER_BYTES,
    });
  const { maker, model, serial, firmware } = DAQ_IDENTITY;
  const noTerminal =
    terminals.reason === undefined ? {} : { reason: `On TCP instead of a serial line: ${terminals.reason}.` };

  const { ports = {} } = options;
  const instruments: BenchInstrument[] = [
    {
      name: 'supply',
      role: 'supply',
      idn: supply.idn,
      resources: [await overTcp(scpi('supply', supply, 1), ports.supply)],
    },
    {
      name: 'meter',
      role: 'meter',
      idn: meter.idn,
      resources: [await overTcp(scpi('meter', meter, 2), ports.meter)],
    },
    {
      name: 'scope',
      role: 'scope',
      idn: oscilloscope.idn,
      resources: [await overTcp(scpi('scope', oscilloscope, 3), ports.scope)],
    },
    {
      name: 'load',
      role: 'load',
      idn: load.idn,
      resources: [await overPty('load', scpi('load', load, 4), ports.load)],
      ...noTerminal,
    },
    {
      name: 'daq',
      role: 'stream',
      idn: [maker, model, serial, firmware].join(','),
      // One instrument, two ways: packets over TCP, text lines over the serial line.
      resources: [
        await overTcp(daqPort(createPacketSettings(), 'packet'), ports.daq),
        await overPty('daq', daqPort(createTextSettings(), 'text')),
      ],
      ...noTerminal,
    },
  ];

  return {
    instruments,
    circuit,
    setFault(name, fault) {
      const found = gates.get(name);
      if (!found) {
        const known = [...gates.keys()].join(', ');
        throw new LabError(
          'instrument.unknown',
          `The simulated bench has no "${name}", so no fault was set. It has: ${known}.`,
        );
      }
      found.set(fault);
    },
    async flushLedger() {
      await Promise.all(ledgers.map((one) => one.flush()));
    },
    [Symbol.asyncDispose]: async () => {
      for (const one of gates.values()) one.set({ kind: null });
      await scope[Symbol.asyncDispose]();
    },
  };
}

async function openTerminals(scope: Scope, wanted: boolean): Promise<Terminals> {
  const reason = wanted ? ptyUnavailable() : 'pseudo-terminals are switched off';
  if (reason !== undefined) return { folder: undefined, reason };
  const folder = await mkdtemp(join(tmpdir(), 'labwire-bench-'));
  scope.defer(() => rm(folder, { recursive: true, force: true }));
  return { folder, reason: undefined };
}
