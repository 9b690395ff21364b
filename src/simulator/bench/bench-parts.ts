import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { Scope } from '../../core/scope.ts';
import { Circuit } from '../circuit.ts';
import { DaqLedger } from '../daq/daq-ledger.ts';
import { FaultGate, type FaultInput } from '../fault.ts';
import { ExchangeLedger } from '../ledger.ts';
import { Random } from '../random.ts';
import { createSystemClock } from '../system-clock.ts';
import type { Accept } from '../wire/device-wire.ts';
import { openPtyServer, ptyUnavailable } from '../wire/pty-server.ts';
import { openSocketServer } from '../wire/socket-server.ts';
import type { BenchOptions } from './bench-options.ts';
import { type Loopback, openLoopback } from './loopback.ts';

/** Where serial instruments stand when there are pseudo-terminals. */
interface Terminals {
  folder: string | undefined;
  reason: string | undefined;
}

/** What the instruments of a bench share: the clock, the circuit, the seed, fault knobs and ledgers by instrument, and the places to serve at. */
export class BenchParts {
  readonly clock: Clock;
  readonly circuit: Circuit;
  readonly loopback: Loopback;
  /** Owns every server. */
  readonly scope: Scope;
  readonly #seed: number;
  readonly #ledgerDir: string | undefined;
  readonly #terminals: Terminals;
  readonly #gates = new Map<string, FaultGate>();
  readonly #ledgers = new Map<string, ExchangeLedger>();
  readonly #daqLedgers: DaqLedger[] = [];

  constructor(scope: Scope, options: BenchOptions, terminals: Terminals, loopback: Loopback) {
    this.scope = scope;
    this.loopback = loopback;
    this.clock = options.clock ?? createSystemClock();
    this.circuit = new Circuit(this.clock);
    this.#seed = options.seed ?? 1;
    this.#ledgerDir = options.ledgerDir;
    this.#terminals = terminals;
  }

  /** Why serial instruments are on TCP; undefined where they are not. */
  get terminalsReason(): string | undefined {
    return this.#terminals.reason;
  }

  /** The fault knob of an instrument, one for all its ways. `salt`: of its own luck. */
  gate(name: string, salt: number): FaultGate {
    const found = this.#gates.get(name) ?? new FaultGate(new Random(this.#seed * 1009 + salt), this.clock);
    this.#gates.set(name, found);
    return found;
  }

  /** The ledger of an instrument, one for all its ways; undefined where nothing is recorded. */
  ledger(name: string): ExchangeLedger | undefined {
    if (!this.#ledgerDir) return undefined;
    const found = this.#ledgers.get(name) ?? this.scope.use(new ExchangeLedger(this.#ledgerDir, name, this.clock));
    this.#ledgers.set(name, found);
    return found;
  }

  daqLedger(name: 'packet' | 'text'): DaqLedger | undefined {
    if (!this.#ledgerDir) return undefined;
    const created = this.scope.use(new DaqLedger(this.#ledgerDir, name));
    this.#daqLedgers.push(created);
    return created;
  }

  /** Noise that is the same with the same seed. */
  noise(salt: number): Random {
    return new Random(this.#seed * 7919 + salt);
  }

  /** Gives the resource string. */
  async overTcp(accept: Accept, port = 0): Promise<string> {
    const server = this.scope.use(await openSocketServer(port, accept));
    return `TCPIP0::127.0.0.1::${server.port}::SOCKET`;
  }

  /** Path of the pseudo-terminal; undefined where there are none. */
  async overTerminal(name: string, accept: Accept): Promise<string | undefined> {
    const { folder } = this.#terminals;
    if (folder === undefined) return undefined;
    return this.scope.use(await openPtyServer(folder, name, accept)).path;
  }

  /** A serial line, or TCP where there is none. Gives the resource string. */
  async overPty(name: string, accept: Accept, port = 0): Promise<string> {
    const path = await this.overTerminal(name, accept);
    return path === undefined ? await this.overTcp(accept, port) : `ASRL${path}::INSTR`;
  }

  /** Throws instrument.unknown. */
  setFault(name: string, fault: FaultInput): void {
    const found = this.#gates.get(name);
    if (!found) {
      const known = [...this.#gates.keys()].join(', ');
      throw new LabError(
        'instrument.unknown',
        `The simulated bench has no "${name}", so no fault was set. It has: ${known}.`,
      );
    }
    found.set(fault);
  }

  clearFaults(): void {
    for (const one of this.#gates.values()) one.set({ kind: null });
  }

  async flushLedgers(): Promise<void> {
    await Promise.all([...this.#ledgers.values(), ...this.#daqLedgers].map((one) => one.flush()));
  }
}

/** Makes the places; nothing is served yet. */
export async function openBenchParts(scope: Scope, options: BenchOptions): Promise<BenchParts> {
  const terminals = await openTerminals(scope, options.usePtys ?? true);
  const loopback = await openLoopback(options.addresses ?? 'own');
  return new BenchParts(scope, options, terminals, loopback);
}

async function openTerminals(scope: Scope, wanted: boolean): Promise<Terminals> {
  const reason = wanted ? ptyUnavailable() : 'pseudo-terminals are switched off';
  if (reason !== undefined) return { folder: undefined, reason };
  const folder = await mkdtemp(join(tmpdir(), 'labwire-bench-'));
  scope.defer(() => rm(folder, { recursive: true, force: true }));
  return { folder, reason: undefined };
}
