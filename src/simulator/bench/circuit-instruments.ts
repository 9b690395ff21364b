import { acceptDaq, DAQ_IDENTITY, DEFAULT_SEND_BUFFER_BYTES } from '../daq/daq-connection.ts';
import { createPacketSettings, createTextSettings, type DaqSettings } from '../daq/daq-settings.ts';
import { createKeysight34461a } from '../dialect/keysight-34461a.ts';
import { createRigolDp832 } from '../dialect/rigol-dp832.ts';
import { createRigolDs1054z } from '../dialect/rigol-ds1054z.ts';
import { createSiglentSdl1020x } from '../dialect/siglent-sdl1020x.ts';
import type { ScpiInstrument } from '../scpi/instrument.ts';
import type { Accept } from '../wire/device-wire.ts';
import { acceptScpi } from '../wire/scpi-connection.ts';
import type { BenchInstrument, BenchName, BenchOptions } from './bench-options.ts';
import type { BenchParts } from './bench-parts.ts';
import { type LanHost, type LanInstrument, openLanWays } from './lan-ways.ts';

/** Rigol listens for SCPI there. */
const RIGOL_RAW_PORT = 5555;

/** The five on the one circuit, each with its first way, and what they can do more. */
export interface CircuitInstruments {
  rows: BenchInstrument[];
  /** Those a LAN reaches. */
  lan: readonly LanInstrument[];
}

/** Throws `simulator.failed` when a port that was asked for is taken. */
export async function openCircuitInstruments(parts: BenchParts, options: BenchOptions): Promise<CircuitInstruments> {
  const { circuit, clock } = parts;
  const { ports = {} } = options;
  const supply = createRigolDp832(circuit, parts.noise(1));
  const meter = createKeysight34461a(circuit, parts.noise(2), clock);
  const oscilloscope = createRigolDs1054z(circuit, parts.noise(3), clock);
  const load = createSiglentSdl1020x(circuit, parts.noise(4));
  const scpi = (name: BenchName, instrument: ScpiInstrument, salt: number, way: string): Accept =>
    acceptScpi({ instrument, gate: parts.gate(name, salt), ledger: parts.ledger(name)?.on(way) });

  const daqGate = parts.gate('daq', 5);
  const daqPort = (settings: DaqSettings, name: 'packet' | 'text'): Accept =>
    acceptDaq({
      settings,
      circuit,
      random: parts.noise(name === 'packet' ? 5 : 6),
      clock,
      gate: daqGate,
      exchanges: parts.ledger(`daq.${name}`),
      ledger: parts.daqLedger(name),
      sendBufferBytes: options.sendBufferBytes ?? DEFAULT_SEND_BUFFER_BYTES,
    });
  const { maker, model, serial, firmware } = DAQ_IDENTITY;
  const noTerminal =
    parts.terminalsReason === undefined ? {} : { reason: `On TCP instead of a serial line: ${parts.terminalsReason}.` };

  const rows: BenchInstrument[] = [
    {
      name: 'supply',
      role: 'supply',
      idn: supply.idn,
      resources: [await parts.overTcp(scpi('supply', supply, 1, 'socket'), ports.supply)],
    },
    {
      name: 'meter',
      role: 'meter',
      idn: meter.idn,
      resources: [await parts.overTcp(scpi('meter', meter, 2, 'socket'), ports.meter)],
    },
    {
      name: 'scope',
      role: 'scope',
      idn: oscilloscope.idn,
      resources: [await parts.overTcp(scpi('scope', oscilloscope, 3, 'socket'), ports.scope)],
    },
    {
      name: 'load',
      role: 'load',
      idn: load.idn,
      resources: [await parts.overPty('load', scpi('load', load, 4, 'serial'), ports.load)],
      ...noTerminal,
    },
    {
      name: 'daq',
      role: 'stream',
      idn: [maker, model, serial, firmware].join(','),
      // One instrument, two ways: packets over TCP, text lines over the serial line.
      resources: [
        await parts.overTcp(daqPort(createPacketSettings(), 'packet'), ports.daq),
        await parts.overPty('daq', daqPort(createTextSettings(), 'text')),
      ],
      ...noTerminal,
    },
  ];
  return {
    rows,
    lan: [
      { name: 'supply', instrument: supply, salt: 1, number: 11, rawPort: RIGOL_RAW_PORT },
      { name: 'meter', instrument: meter, salt: 2, number: 12 },
      { name: 'scope', instrument: oscilloscope, salt: 3, number: 13, rawPort: RIGOL_RAW_PORT },
    ],
  };
}

/** The LAN ways of those of the five that have them, behind their first ways in the rows. */
export async function addLanWays(parts: BenchParts, { rows, lan }: CircuitInstruments): Promise<LanHost[]> {
  const hosts = await Promise.all(lan.map((instrument) => openLanWays(parts, instrument)));
  for (const [index, { resources }] of hosts.entries()) {
    const row = rows.find(({ name }) => name === lan[index]?.name);
    row?.resources.push(...resources);
  }
  return hosts;
}
