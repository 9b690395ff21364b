import { afterAll, describe, expect, it } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { openDefinition } from '../../src/engine/driver/definition-family.ts';
import { builtInFolder, readDefinition } from '../../src/engine/driver/definition-folder.ts';
import type { Driver } from '../../src/engine/driver/driver.ts';
import { openSession } from '../../src/engine/session/open-session.ts';
import type { Session } from '../../src/engine/session/session.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { openTransport } from '../../src/engine/transport/open-transport.ts';
import type { Transport } from '../../src/engine/transport/transport.ts';
import { parseIdentity } from '../../src/protocol/idn.ts';
import { Circuit } from '../../src/simulator/circuit.ts';
import { createRigolDs1054z } from '../../src/simulator/dialect/rigol-ds1054z.ts';
import { definiteBlock } from '../../src/simulator/dialect/waveform/definite-block.ts';
import { FaultGate } from '../../src/simulator/fault.ts';
import { Random } from '../../src/simulator/random.ts';
import { type Command, command, query } from '../../src/simulator/scpi/command.ts';
import { ScpiInstrument } from '../../src/simulator/scpi/instrument.ts';
import { optional, type Parameter } from '../../src/simulator/scpi/parameter.ts';
import { openHislipServer } from '../../src/simulator/wire/hislip-server.ts';
import { acceptScpi, type ScpiPort } from '../../src/simulator/wire/scpi-connection.ts';
import { createScpiMessageDevice } from '../../src/simulator/wire/scpi-message-device.ts';
import { openSocketServer } from '../../src/simulator/wire/socket-server.ts';
import { serveVxi11 } from './vxi11-bench.ts';

/** Large waveforms over real ways: whole, and given up half-way by whoever asked. The scope must run again, and the next answer be its own. */
interface Way {
  open(): Promise<Transport>;
  dispose(): Promise<void>;
}

const WAYS: Record<string, (port: ScpiPort) => Promise<Way>> = {
  async TCP(port) {
    const server = await openSocketServer(0, acceptScpi(port));
    const resource = `TCPIP0::127.0.0.1::${server.port}::SOCKET`;
    return { open: () => openTransport(resource), dispose: async () => server[Symbol.asyncDispose]() };
  },
  'VXI-11': (port) => serveVxi11(createScpiMessageDevice(port)),
  async HiSLIP(port) {
    const server = await openHislipServer({ devices: { hislip0: createScpiMessageDevice(port) }, port: 0 });
    const resource = `TCPIP0::127.0.0.1::hislip0,${server.port}::INSTR`;
    return { open: () => openTransport(resource), dispose: async () => server[Symbol.asyncDispose]() };
  },
};

const POINTS = 8 * 1024 * 1024;
const { signal } = new AbortController();
const anything: Parameter<string> = { parse: (text) => text };

afterAll(() => expect(openScopes()).toEqual([]));

/** An InfiniiVision with one channel and 8 Mi points in its memory: a block of 16 MiB. Code i is i mod 65536. */
function createDeepScope(): { instrument: ScpiInstrument; isRunning(): boolean } {
  const codes = new Uint16Array(POINTS);
  for (let index = 0; index < POINTS; index++) codes[index] = index & 0xffff;
  const block = definiteBlock(new Uint8Array(codes.buffer));
  let isRunning = true;
  const taken = ['SOURce', 'FORMat', 'BYTeorder', 'UNSigned', 'POINts', 'POINts:MODE'];
  const commands: Command[] = [
    ...taken.map((header) => command(`WAVeform:${header}`, [anything], () => {})),
    query('WAVeform:PREamble?', [], () => `1,0,${POINTS},1,1E-9,-1E-3,0,1E-4,0.5,32768`),
    query('WAVeform:DATA?', [], () => block),
    query('CHANnel#:DISPlay?', [], () => '1'),
    query('TRIGger:SWEep?', [], () => 'AUTO'),
    query('OPERegister:CONDition?', [], () => (isRunning ? '+8' : '+0')),
    query('CHANnel#:UNITs?', [], () => 'VOLT'),
    command('DIGitize', [optional(anything)], () => {
      isRunning = false;
    }),
    command('RUN', [], () => {
      isRunning = true;
    }),
  ];
  const identity = parseIdentity('KEYSIGHT TECHNOLOGIES,DSO-X 3052T,MY1,1.0');
  return { instrument: new ScpiInstrument({ identity, commands, reset: () => {} }), isRunning: () => isRunning };
}

interface Bench extends AsyncDisposable {
  driver: Driver;
  session: Session;
  gate: FaultGate;
}

async function openBench(way: string, family: string, instrument: ScpiInstrument): Promise<Bench> {
  const clock = createSystemClock();
  const gate = new FaultGate(new Random(5), clock);
  const served = await WAYS[way]!({ instrument, gate, ledger: undefined });
  const definition = structuredClone(readDefinition(builtInFolder(), `${family}.yaml`));
  if (definition.waveform)
    definition.waveform.with = { ...definition.waveform.with, maxPoints: POINTS, pointsPerRead: 20_000 };
  const session = await openSession({ clock, open: served.open });
  const identity = parseIdentity(await session.query('*IDN?'));
  const driver = await openDefinition(definition, { session, clock, identity, report: () => {} });
  return {
    driver,
    session,
    gate,
    async [Symbol.asyncDispose]() {
      await driver[Symbol.asyncDispose]();
      await session[Symbol.asyncDispose]();
      await served.dispose();
    },
  };
}

/** Captures, and gives up as soon as the data has been asked for. */
async function giveUp({ driver, session }: Bench, ask: string): Promise<void> {
  const controller = new AbortController();
  using _ = session.onExchange(({ direction, text }) => {
    if (direction === 'sent' && text === ask) controller.abort();
  });
  await expect(driver.capture?.(['ch1.waveform'], controller.signal)).rejects.toMatchObject({ code: 'call.cancelled' });
}

describe.each(Object.keys(WAYS))('over %s', (way) => {
  it('a block of 16 MiB comes whole; one that nobody waits for any more is nobody’s answer', {
    timeout: 30_000,
  }, async () => {
    const { instrument, isRunning } = createDeepScope();
    await using bench = await openBench(way, 'keysight-infiniivision', instrument);
    const waveform = await bench.driver.capture?.(['ch1.waveform'], signal);
    const samples = waveform?.samples[0] ?? new Float32Array();
    expect(samples).toHaveLength(POINTS);
    expect([samples[0], samples[32_768], samples[POINTS - 1]].map((volts) => volts?.toFixed(4))).toEqual([
      '-2.7768',
      '0.5000',
      '3.7767',
    ]);
    expect(await bench.session.query(':OPER:COND?')).toBe('+8');
    await giveUp(bench, ':WAV:DATA?');
    expect(await bench.session.query('*IDN?')).toBe('KEYSIGHT TECHNOLOGIES,DSO-X 3052T,MY1,1.0');
    expect(isRunning()).toBe(true);
    expect(bench.session.stats.lateBytes).toBeGreaterThan(POINTS);
  });

  it('a capture in many parts ends between two of them, also when answers are late', async () => {
    const clock = createSystemClock();
    const instrument = createRigolDs1054z(new Circuit(clock), new Random(3), clock);
    await using bench = await openBench(way, 'rigol-ds1000z', instrument);
    await bench.session.write(':ACQ:MDEP 120000');
    bench.gate.set({ kind: 'delay', delayMs: 5 });
    await giveUp(bench, ':WAV:DATA?');
    const asked = bench.session.exchanges().filter(({ text }) => text === ':WAV:DATA?');
    expect(asked.filter(({ direction }) => direction === 'sent')).toHaveLength(1);
    expect(await bench.session.query(':TRIG:STAT?')).not.toBe('STOP');
    expect(await bench.session.query('*IDN?')).toContain('DS1054Z');
    bench.gate.set({ kind: null });
    const waveform = await bench.driver.capture?.(['ch1.waveform'], signal);
    expect(waveform?.samples[0]).toHaveLength(120_000);
  });
});
