import { afterEach, describe, expect, it } from 'vitest';
import { openLastingLine } from '../../../../test/conformance/lasting-line.ts';
import { readMessage, show, text } from '../../../../test/conformance/message-suite.ts';
import { createRegisterUnit } from '../../../../test/conformance/modbus-device.ts';
import { holdingAt } from '../../../../test/conformance/modbus-registers.ts';
import { MODBUS_WAYS, type ModbusWayName, serveModbus } from '../../../../test/conformance/modbus-way.ts';
import { hasSocat } from '../../../../test/conformance/pty-pair.ts';
import { parseIdentity } from '../../../protocol/idn.ts';
import { createRd6006, RD6006_RATING } from '../../../simulator/dialect/rdtech-rd6006.ts';
import { resistiveTerminals, SupplyOutput } from '../../../simulator/supply-output.ts';
import { createModbusServer, type ModbusServer, type ModbusUnit } from '../../../simulator/wire/modbus-server.ts';
import { chooseFamily } from '../../driver/driver-table.ts';
import { openSession } from '../../session/open-session.ts';
import { createSystemClock } from '../../system-clock.ts';
import { openTransport } from '../open-transport.ts';
import type { Transport } from '../transport.ts';
import { openModbusLines } from './line-share.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  expect(openModbusLines()).toBe(0);
});

interface Line {
  server: ModbusServer;
  /** Registers of units 1 and 2, by address. */
  memory: [Map<number, number>, Map<number, number>];
  at(unit: number): string;
  open(unit: number): Promise<Transport>;
}

function unitOf(memory: Map<number, number>): ModbusUnit {
  return {
    readHolding: (address) => memory.get(address),
    readInput: (address) => memory.get(address),
    readCoil: (address) => (address < 16 ? (memory.get(1000 + address) ?? 0) === 1 : undefined),
    readDiscrete: (address) => (address < 16 ? address % 2 === 1 : undefined),
    writeHolding: (address, value) => memory.has(address) && Boolean(memory.set(address, value)),
    writeCoil: (address, value) => address < 16 && Boolean(memory.set(1000 + address, value ? 1 : 0)),
    identity: ['Labwire, Lab', 'MB-1', '1.0'],
  };
}

async function setUp(way: ModbusWayName, more: Map<number, ModbusUnit> = new Map()): Promise<Line> {
  const memory: Line['memory'] = [
    new Map(Array.from({ length: 100 }, (_, index) => [index, index])),
    new Map(Array.from({ length: 100 }, (_, index) => [index, 1000 + index])),
  ];
  const server = createModbusServer(new Map([[1, unitOf(memory[0])], [2, unitOf(memory[1])], ...more]));
  const { at, ...served } = await serveModbus(way, server);
  cleanups.push(() => served[Symbol.asyncDispose]());
  return {
    server,
    memory,
    at,
    async open(unit) {
      const transport = await openTransport(at(unit));
      cleanups.push(() => transport[Symbol.asyncDispose]());
      return transport;
    },
  };
}

async function ask(transport: Transport, question: string): Promise<string> {
  const [answer] = await Promise.all([readMessage(transport), transport.write(text(`${question}\n`), { end: true })]);
  return show(answer).trimEnd();
}

describe.each(MODBUS_WAYS)('messages over %s', (way) => {
  it('reads and writes registers and coils', async () => {
    const { open, memory } = await setUp(way);
    const transport = await open(1);
    expect(transport.isMessageBased).toBe(true);
    expect(await ask(transport, 'HOLD? 3,4')).toBe('3,4,5,6');
    expect(await ask(transport, 'INP? 99')).toBe('99');
    expect(await ask(transport, 'DISC? 0,9')).toBe('0,1,0,1,0,1,0,1,0');
    await transport.write(text('HOLD 8,500'), { end: true });
    await transport.write(text('HOLD 9,0x1234,'), { end: false });
    await transport.write(text('7'), { end: true });
    expect([8, 9, 10].map((address) => memory[0].get(address))).toEqual([500, 0x1234, 7]);
    await transport.write(text('COIL 3,1;COIL 4,1,0,1'), { end: true });
    expect(await ask(transport, 'COIL? 0,8;HOLD? 8')).toBe('0,0,0,1,1,0,1,0;500');
  });

  it('says who is there', async () => {
    const silent: ModbusUnit = { readHolding: () => 0, ignores: new Set([43]) };
    const { open } = await setUp(way, new Map([[9, silent]]));
    expect(parseIdentity(await ask(await open(1), '*IDN?'))).toEqual({
      maker: 'Labwire  Lab',
      model: 'MB-1',
      serial: '',
      firmware: '1.0',
    });
    expect(await ask(await open(9), '*IDN?')).toBe('Modbus,Unit 9,,');
  });

  it('what the device refuses is told in words', async () => {
    const { open } = await setUp(way);
    const transport = await open(1);
    await expect(transport.write(text('HOLD? 100'), { end: true })).rejects.toMatchObject({
      code: 'instrument.rejected',
      message: expect.stringContaining('no such register'),
    });
    await expect(transport.write(text('HOLD 500,1'), { end: true })).rejects.toMatchObject({
      code: 'instrument.rejected',
    });
    await expect(transport.write(text('VOLT 5'), { end: true })).rejects.toMatchObject({ code: 'call.invalid' });
    expect(await ask(transport, 'HOLD? 5')).toBe('5');
  });

  it('two units share the line and never mix', async () => {
    const { open } = await setUp(way);
    const [one, two] = [await open(1), await open(2)];
    expect(openModbusLines()).toBe(1);
    await Promise.all(
      [one, two].map(async (transport, index) => {
        for (let round = 0; round < 100; round++) {
          expect(await ask(transport, `HOLD? ${round}`)).toBe(String(index * 1000 + round));
        }
      }),
    );
  });

  it('a question that was given up: its late answer reaches no other', async () => {
    const { open, server } = await setUp(way);
    const transport = await open(1);
    server.knobs.delayMs = 60;
    for (let round = 0; round < 5; round++) {
      const writing = transport.write(text('HOLD? 1'), { end: true, signal: AbortSignal.timeout(20) });
      await expect(writing).rejects.toMatchObject({ code: 'call.cancelled' });
      // The same function, the same count: nothing in the frame tells them apart.
      expect(await ask(transport, `HOLD? ${50 + round}`)).toBe(String(50 + round));
    }
  });

  it('a clear ends the wait, and what was not read of an answer', async () => {
    const { open, server } = await setUp(way);
    const transport = await open(1);
    server.knobs.dropAnswers = 1;
    const writing = expect(transport.write(text('HOLD? 1'), { end: true })).rejects.toMatchObject({
      code: 'call.cancelled',
    });
    const reading = expect(transport.read()).rejects.toMatchObject({ code: 'transport.timeout' });
    await transport.control?.clear?.();
    await reading;
    await writing;
    await transport.write(text('HOLD? 3,3'), { end: true });
    expect(show((await transport.read({ max: 2 })).bytes)).toBe('3,');
    await transport.control?.clear?.();
    expect(await ask(transport, 'HOLD? 2')).toBe('2');
  });

  it('Outputs off goes before what waits, and does not wait for a silent unit', async () => {
    const { open, memory } = await setUp(way);
    const [present, absent] = [await open(1), await open(77)];
    const stuck = expect(absent.write(text('HOLD? 0'), { end: true })).rejects.toMatchObject({
      code: 'safety.refused',
    });
    const other = await open(2);
    const waiting = other.write(text('HOLD 4,1'), { end: true });
    await present.write(text('HOLD 18,0'), { end: true, isUrgent: true });
    expect(memory[0].get(18)).toBe(0);
    expect(memory[1].get(4)).toBe(1004);
    await stuck;
    await waiting;
  });
});

describe('a serial line', () => {
  it.skipIf(!hasSocat)('a wrong checksum is no answer', async () => {
    const { open, server } = await setUp('rtu');
    const transport = await open(1);
    server.knobs.breakAnswers = 1;
    await expect(transport.write(text('HOLD? 1'), { end: true })).rejects.toMatchObject({
      code: 'protocol.malformed',
      message: expect.stringContaining('CRC'),
    });
    expect(await ask(transport, 'HOLD? 2')).toBe('2');
  });

  it.skipIf(!hasSocat)('a device that answers no function but its own is in step again all the same', async () => {
    const registers = (address: number): number | undefined => (address < 100 ? address : undefined);
    const plain: ModbusUnit = { readHolding: registers, writeHolding: () => true, ignores: new Set([1, 2, 4, 8, 43]) };
    const { open, server } = await setUp('rtu', new Map([[5, plain]]));
    const transport = await open(5);
    server.knobs.delayMs = 60;
    for (let round = 0; round < 3; round++) {
      const writing = transport.write(text('HOLD? 1'), { end: true, signal: AbortSignal.timeout(20) });
      await expect(writing).rejects.toMatchObject({ code: 'call.cancelled' });
      expect(await ask(transport, 'HOLD? 50')).toBe('50');
    }
    // Registers of another length; the echo it does not answer was asked once.
    const asked = server.requests.map(({ pdu }) => pdu[0] ?? 0);
    expect(asked.filter((code) => code === 8)).toHaveLength(1);
  });

  it.skipIf(!hasSocat)('closed and opened again, it owes what it owed before', async () => {
    const server = createModbusServer(new Map([[1, createRegisterUnit()]]));
    server.knobs.delayMs = 40;
    await using served = await openLastingLine(server.acceptRtu);
    const resource = `MODBUS-ASRL0::${served.path}::1`;
    for (let round = 0; round < 5; round++) {
      const transport = await openTransport(resource);
      const asked = server.requests.length;
      const writing = transport.write(text(`HOLD? ${round}`), { end: true });
      const given = expect(writing).rejects.toMatchObject({ code: 'transport.closed' });
      await expect.poll(() => server.requests.length, { interval: 5 }).toBeGreaterThan(asked);
      await transport[Symbol.asyncDispose]();
      await given;
      await using again = await openTransport(resource);
      expect(await ask(again, `HOLD? ${100 + round}`)).toBe(String(holdingAt(100 + round)));
    }
  });
});

describe.each(MODBUS_WAYS)('an RD6006 over %s, through session and driver', (way) => {
  it('is known, set, read back, limited, tripped and switched off', async () => {
    const source = { voltage: 0, currentLimit: 1, on: false };
    const output = new SupplyOutput(RD6006_RATING, source, () => resistiveTerminals(source, 10));
    const { at } = await setUp(way, new Map([[3, createRd6006(output)]]));
    const clock = createSystemClock();
    await using session = await openSession({ resource: at(3), clock });
    const identity = parseIdentity(await session.query('*IDN?'));
    expect(identity).toEqual({ maker: 'RDTech', model: 'RD6006', serial: '00001234', firmware: '1.28' });
    const family = chooseFamily(identity);
    expect(family.id).toBe('rdtech-rd6000');
    const { signal } = new AbortController();
    await using driver = await family.open({ session, clock, identity, report: () => {} });
    expect(output.on).toBe(false);

    expect(await driver.setControl('ch1.voltage.set', 5, signal)).toEqual({ 'ch1.voltage.set': 5 });
    expect(await driver.setControl('ch1.current.set', 1.234, signal)).toEqual({ 'ch1.current.set': 1.234 });
    expect(await driver.setControl('ch1.ovp.level', 6.5, signal)).toEqual({ 'ch1.ovp.level': 6.5 });
    expect(await driver.setControl('ch1.output', true, signal)).toEqual({ 'ch1.output': true });
    expect(output.volts).toBe(5);
    const row = await driver.poll?.(signal);
    expect([...(row?.values ?? [])]).toEqual([5, 0.5, 2.5, 65]);
    expect(await driver.status?.(signal)).toEqual({ 'ch1.mode': 'CV', 'ch1.tripped': '' });
    await driver.setControl('ch1.current.set', 0.2, signal);
    expect(await driver.status?.(signal)).toMatchObject({ 'ch1.mode': 'CC' });

    await expect(driver.setControl('ch1.voltage.set', 60.01, signal)).rejects.toMatchObject({ code: 'call.invalid' });
    await expect(driver.setControl('ch1.output', 1, signal)).rejects.toMatchObject({ code: 'call.invalid' });
    expect(driver.writes?.('ch1.voltage.set', 12.34)).toEqual(['HOLD 8,1234']);

    await driver.setControl('ch1.current.set', 6, signal);
    await driver.setControl('ch1.voltage.set', 7, signal);
    expect(await driver.status?.(signal)).toEqual({ 'ch1.mode': 'off', 'ch1.tripped': 'OVP' });
    expect(await driver.readControls(undefined, signal)).toMatchObject({ 'ch1.output': false, 'ch1.voltage.set': 7 });

    await driver.setControl('ch1.voltage.set', 5, signal);
    await driver.setControl('ch1.output', true, signal);
    expect(output.on).toBe(true);
    expect(await driver.outputsOff()).toEqual([{ group: 'ch1', confirmed: true }]);
    expect(output.on).toBe(false);
    await expect(session.write('HOLD 300,1')).rejects.toMatchObject({ code: 'instrument.rejected' });
    expect(session.state).toBe('open');
    expect(await session.query('HOLD? 8')).toBe('500');
  });
});
