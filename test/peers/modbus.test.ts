import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openTransport } from '../../src/engine/transport/open-transport.ts';
import type { Transport } from '../../src/engine/transport/transport.ts';
import { createModbusServer } from '../../src/simulator/wire/modbus-server.ts';
import { openPtyServer } from '../../src/simulator/wire/pty-server.ts';
import { openSocketServer } from '../../src/simulator/wire/socket-server.ts';
import { readMessage, show, text } from '../conformance/message-suite.ts';
import { openPtyPair } from '../conformance/pty-pair.ts';
import { runPeer } from './peer-program.ts';

/** modbus-serial (npm), both its ends. It is CommonJS with types of its own; only what is used here is described. */
interface Registers {
  getHoldingRegister(address: number, unit: number): number;
  getInputRegister(address: number, unit: number): number;
  getCoil(address: number, unit: number): boolean;
  getDiscreteInput(address: number, unit: number): boolean;
  setRegister(address: number, value: number, unit: number): void;
  setCoil(address: number, value: boolean, unit: number): void;
}
interface PeerServer {
  on(event: string, listener: () => void): void;
  close(done: () => void): void;
}
interface PeerClient {
  connectTCP(host: string, options: { port: number }): Promise<void>;
  connectRTUBuffered(path: string, options: { baudRate: number }): Promise<void>;
  setID(unit: number): void;
  readHoldingRegisters(address: number, count: number): Promise<{ data: number[] }>;
  readCoils(address: number, count: number): Promise<{ data: boolean[] }>;
  writeRegister(address: number, value: number): Promise<unknown>;
  writeRegisters(address: number, values: number[]): Promise<unknown>;
  readDeviceIdentification(code: number, object: number): Promise<{ data: Record<number, string> }>;
  close(done: () => void): void;
}
const modbusSerial = createRequire(import.meta.url)('modbus-serial') as {
  new (): PeerClient;
  ServerTCP: new (vector: Registers, options: { host: string; port: number; unitID: number }) => PeerServer;
  ServerSerial: new (
    vector: Registers,
    options: { path: string; baudRate: number; unitID: number; openCallback?: () => void },
  ) => PeerServer;
};

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Our simulated line with one unit, over TCP and on a pseudo-terminal. */
async function serveOurs(): Promise<{ memory: Map<number, number>; port: number; path: string }> {
  const memory = new Map(Array.from({ length: 40 }, (_, address) => [address, address * 11]));
  const server = createModbusServer(
    new Map([
      [
        1,
        {
          readHolding: (address: number) => memory.get(address),
          readInput: (address: number) => memory.get(address),
          readCoil: (address: number) => (address < 8 ? address % 3 === 0 : undefined),
          writeHolding: (address: number, value: number) => memory.has(address) && Boolean(memory.set(address, value)),
          identity: ['Labwire', 'MB-1', '1.0'],
        },
      ],
    ]),
  );
  const folder = mkdtempSync(join(tmpdir(), 'labwire-modbus-'));
  const listening = await openSocketServer(0, server.acceptTcp);
  const pty = await openPtyServer(folder, 'bus', server.acceptRtu);
  cleanups.push(async () => {
    await listening[Symbol.asyncDispose]();
    await pty[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  return { memory, port: listening.port, path: pty.path };
}

/** Values mbpoll prints: `[3]: \t33`. */
function polled(output: Buffer): number[] {
  return [...output.toString().matchAll(/^\[\d+\]:\s+(\d+)/gm)].map(([, value]) => Number(value));
}

describe('mbpoll', () => {
  it('reads and writes our simulator over TCP', async () => {
    const { port, memory } = await serveOurs();
    const tcp = ['-m', 'tcp', '-p', String(port), '-a', '1', '-0', '-1'];
    const read = await runPeer('mbpoll', [...tcp, '-r', '3', '-c', '4', '-t', '4', '127.0.0.1']);
    expect(polled(read.stdout)).toEqual([33, 44, 55, 66]);
    const coils = await runPeer('mbpoll', [...tcp, '-r', '0', '-c', '8', '-t', '0', '127.0.0.1']);
    expect(polled(coils.stdout)).toEqual([1, 0, 0, 1, 0, 0, 1, 0]);
    await runPeer('mbpoll', [...tcp, '-r', '8', '-t', '4', '127.0.0.1', '500']);
    await runPeer('mbpoll', [...tcp, '-r', '20', '-t', '4', '127.0.0.1', '1', '2', '3']);
    expect([8, 20, 21, 22].map((address) => memory.get(address))).toEqual([500, 1, 2, 3]);
    const refused = await runPeer('mbpoll', [...tcp, '-r', '90', '-t', '4', '127.0.0.1']);
    expect(refused.stdout.toString() + refused.stderr).toMatch(/Illegal data address/);
  });

  it('reads our simulator over RTU', async () => {
    const { path } = await serveOurs();
    const rtu = ['-m', 'rtu', '-b', '115200', '-P', 'none', '-a', '1', '-0', '-1'];
    const read = await runPeer('mbpoll', [...rtu, '-r', '3', '-c', '4', '-t', '3', path]);
    expect(polled(read.stdout)).toEqual([33, 44, 55, 66]);
  });
});

describe('modbus-serial as a client', () => {
  it.each(['tcp', 'rtu'] as const)('reads, writes and identifies our simulator over %s', async (way) => {
    const { port, path, memory } = await serveOurs();
    const client = new modbusSerial();
    if (way === 'tcp') await client.connectTCP('127.0.0.1', { port });
    else await client.connectRTUBuffered(path, { baudRate: 115_200 });
    cleanups.push(() => new Promise<void>((resolve) => client.close(resolve)));
    client.setID(1);
    expect((await client.readHoldingRegisters(3, 3)).data).toEqual([33, 44, 55]);
    expect((await client.readCoils(0, 4)).data.slice(0, 4)).toEqual([true, false, false, true]);
    await client.writeRegister(8, 500);
    await client.writeRegisters(9, [7, 8]);
    expect([8, 9, 10].map((address) => memory.get(address))).toEqual([500, 7, 8]);
    expect(Object.values((await client.readDeviceIdentification(1, 0)).data)).toEqual(['Labwire', 'MB-1', '1.0']);
    await expect(client.readHoldingRegisters(90, 1)).rejects.toMatchObject({ modbusCode: 2 });
  });
});

describe('modbus-serial as a server', () => {
  const registers = new Map<number, number>();
  const vector: Registers = {
    getHoldingRegister: (address) => registers.get(address) ?? address * 2,
    getInputRegister: (address) => address + 1,
    getCoil: (address) => address % 2 === 0,
    getDiscreteInput: (address) => address % 2 === 1,
    setRegister: (address, value) => void registers.set(address, value),
    setCoil: (address, value) => void registers.set(1000 + address, value ? 1 : 0),
  };

  async function ask(transport: Transport, question: string): Promise<string> {
    const [answer] = await Promise.all([readMessage(transport), transport.write(text(question), { end: true })]);
    return show(answer).trimEnd();
  }

  async function check(transport: Transport): Promise<void> {
    registers.clear();
    expect(await ask(transport, 'HOLD? 10,3')).toBe('20,22,24');
    expect(await ask(transport, 'INP? 5;COIL? 0,4;DISC? 0,4')).toBe('6;1,0,1,0;0,1,0,1');
    await transport.write(text('HOLD 8,500;HOLD 9,1,2;COIL 3,1'), { end: true });
    expect(await ask(transport, 'HOLD? 8,3')).toBe('500,1,2');
    expect(registers.get(1003)).toBe(1);
  }

  it('our client over TCP', async () => {
    // The package takes no port 0: in this network of our own any is free.
    const server = new modbusSerial.ServerTCP(vector, { host: '127.0.0.1', port: 502, unitID: 1 });
    await new Promise<void>((resolve) => server.on('initialized', resolve));
    cleanups.push(() => new Promise<void>((resolve) => server.close(resolve)));
    await using transport = await openTransport('MODBUS-TCPIP::127.0.0.1::1');
    await check(transport);
  });

  it('our client over RTU', async () => {
    await using pair = await openPtyPair();
    const opened = new Promise<PeerServer>((resolve) => {
      const server: PeerServer = new modbusSerial.ServerSerial(vector, {
        path: pair.theirs,
        baudRate: 115_200,
        unitID: 1,
        openCallback: () => resolve(server),
      });
    });
    const server = await opened;
    cleanups.push(() => new Promise<void>((resolve) => server.close(resolve)));
    await using transport = await openTransport(`MODBUS-ASRL::${pair.ours}::1`);
    await check(transport);
  });
});
