import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { broadcastVxi11 } from '../../src/engine/discovery/vxi11-broadcast.ts';
import { Circuit } from '../../src/simulator/circuit.ts';
import { createKeysight34461a } from '../../src/simulator/dialect/keysight-34461a.ts';
import { FaultGate } from '../../src/simulator/fault.ts';
import { Random } from '../../src/simulator/random.ts';
import { createSystemClock } from '../../src/simulator/system-clock.ts';
import { acceptScpi } from '../../src/simulator/wire/scpi-connection.ts';
import { createScpiMessageDevice } from '../../src/simulator/wire/scpi-message-device.ts';
import { openSocketServer } from '../../src/simulator/wire/socket-server.ts';
import { openVxi11Server, type Vxi11Server } from '../../src/simulator/wire/vxi11-server.ts';
import { createTestDevice } from '../conformance/test-device.ts';
import { peerText, pythonText, runPeer } from './peer-program.ts';

const scope = new Scope('peers of VXI-11');
const IDN = /^Keysight Technologies,34461A,[^,]+,[^,\n]+$/;
/** A block with every byte value, as a scope sends it. */
const BLOCK_BYTES = 300_000;
const block = Buffer.concat([
  Buffer.from(`#6${BLOCK_BYTES}`),
  Buffer.from(Uint8Array.from({ length: BLOCK_BYTES }, (_, index) => (index * 7 + (index >> 8)) & 255)),
  Buffer.from('\n'),
]);
const blocks = createTestDevice();
let local: Vxi11Server;
let rawPort = 0;

beforeAll(async () => {
  const clock = createSystemClock();
  const instrument = createKeysight34461a(new Circuit(clock), new Random(1), clock);
  const port = { instrument, gate: new FaultGate(new Random(2), clock), ledger: undefined };
  const meter = createScpiMessageDevice(port);
  blocks.answer = (message) => (Buffer.from(message).toString() === 'BLOCK?' ? block : message);
  local = scope.use(await openVxi11Server({ devices: { inst0: meter, inst1: blocks } }));
  scope.use(await openVxi11Server({ host: '10.99.0.1', devices: { inst0: meter } }));
  rawPort = scope.use(await openSocketServer(0, acceptScpi(port))).port;
});
afterAll(() => scope[Symbol.asyncDispose]());

describe('lxi-tools', () => {
  it('discovers the instrument by broadcast', async () => {
    const said = await peerText('lxi', ['discover', '--timeout', '1']);
    expect(said).toMatch(/Found "Keysight Technologies,34461A,[^"]+" on address 10\.99\.0\.1/);
  });

  it('asks over VXI-11', async () => {
    const said = await peerText('lxi', ['scpi', '-a', '127.0.0.1', '*IDN?']);
    expect(said.trim()).toMatch(IDN);
    const reading = await peerText('lxi', ['scpi', '-a', '127.0.0.1', 'VOLT:NPLC 0.02;:READ?']);
    expect(Number(reading)).toBeCloseTo(0, 2);
  });

  it('asks over a raw socket', async () => {
    const said = await peerText('lxi', ['scpi', '--raw', '--port', String(rawPort), '-a', '127.0.0.1', '*IDN?']);
    expect(said.trim()).toMatch(IDN);
  });

  it('is told when there is no answer', async () => {
    const { status, stdout, stderr } = await runPeer('lxi', ['scpi', '-t', '1', '-a', '127.0.0.1', 'NOPE?']);
    expect(status).not.toBe(0);
    expect(`${stdout}${stderr}`).toMatch(/timeout|Error|Failed/i);
    // The error is in the queue of the instrument, and the next client gets its own answer.
    expect(await peerText('lxi', ['scpi', '-a', '127.0.0.1', 'SYST:ERR?'])).toMatch(/^-1\d\d,/);
  });
});

describe('PyVISA-py', () => {
  const open = (resource: string): string => `
import sys, pyvisa
manager = pyvisa.ResourceManager('@py')
instrument = manager.open_resource('${resource}', read_termination='\\n', write_termination='\\n')
instrument.timeout = 5000
`;

  it('asks over VXI-11, polls the status byte, clears, and asks again', async () => {
    const said = await pythonText(`${open('TCPIP0::127.0.0.1::inst0::INSTR')}
print(instrument.query('*IDN?'))
instrument.write('*CLS;*ESE 32;*SRE 32;:NOPE')
print(instrument.read_stb() & 100)
print(instrument.query('SYST:ERR?'))
instrument.write('*IDN?')
instrument.clear()
print(instrument.query('*CLS;*OPC?'))
print(instrument.read_stb() & 100)
instrument.close()
`);
    const lines = said.trim().split('\n');
    expect(lines[0]).toMatch(IDN);
    // Error queue, event status, RQS.
    expect(lines[1]).toBe('100');
    expect(lines[2]).toMatch(/^-113,/);
    expect(lines.slice(3)).toEqual(['1', '0']);
  });

  it('reads a big block with every byte value', async () => {
    const said = await pythonText(`${open('TCPIP0::127.0.0.1::inst1::INSTR')}
instrument.read_termination = None
values = instrument.query_binary_values('BLOCK?', datatype='B', container=bytes)
print(len(values), sum((i * 7 + (i >> 8)) & 255 == v for i, v in enumerate(values)))
instrument.close()
`);
    expect(said.trim()).toBe(`${BLOCK_BYTES} ${BLOCK_BYTES}`);
    expect(blocks.errors).toEqual([]);
  });

  it('gets a timeout where nothing was asked, and goes on', async () => {
    const said = await pythonText(`${open('TCPIP0::127.0.0.1::inst0::INSTR')}
instrument.timeout = 200
try:
    print(instrument.read())
except pyvisa.VisaIOError as error:
    print(error.abbreviation)
print(instrument.query('*CLS;*OPC?'))
instrument.close()
`);
    expect(said.trim().split('\n')).toEqual(['VI_ERROR_TMO', '1']);
  });

  it('asks over a raw socket', async () => {
    const said = await pythonText(`${open(`TCPIP0::127.0.0.1::${rawPort}::SOCKET`)}
print(instrument.query('*IDN?'))
instrument.close()
`);
    expect(said.trim()).toMatch(IDN);
  });

  it('leaves nothing open', async () => {
    while (local.counts.connections > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(local.counts.links).toBe(0);
  });
});

describe('rpcinfo', () => {
  it('lists our portmapper and the core channel', async () => {
    const said = await peerText('/usr/sbin/rpcinfo', ['-p', '127.0.0.1']);
    const rows = said.split('\n').map((line) => line.trim().split(/\s+/));
    expect(rows).toContainEqual(expect.arrayContaining(['100000', '2', 'tcp', '111']));
    expect(rows).toContainEqual(expect.arrayContaining(['100000', '2', 'udp', '111']));
    expect(rows).toContainEqual(expect.arrayContaining(['395183', '1', 'tcp', String(local.corePort)]));
  });

  it('calls the null procedure of the core channel, and is told that there is no version 2', async () => {
    expect(
      await peerText('/usr/sbin/rpcinfo', ['-n', String(local.corePort), '-t', '127.0.0.1', '395183', '1']),
    ).toMatch(/program 395183 version 1 ready and waiting/);
    const { stdout, stderr } = await runPeer('/usr/sbin/rpcinfo', [
      '-n',
      String(local.corePort),
      '-t',
      '127.0.0.1',
      '395183',
      '2',
    ]);
    expect(`${stdout}${stderr}`).toMatch(/not registered/);
  });
});

describe('our broadcast', () => {
  it('finds the instrument in the network of bench0', async () => {
    const controller = new AbortController();
    const found = await broadcastVxi11({
      signal: controller.signal,
      withinMs: 10_000,
      onFound: () => controller.abort(),
    });
    expect(found.map(({ host }) => host)).toEqual(['10.99.0.1']);
  });
});
