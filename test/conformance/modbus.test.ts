import { existsSync, readdirSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { openScopes } from '../../src/core/scope.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { openModbusLines } from '../../src/engine/transport/modbus/line-share.ts';
import { openTransport } from '../../src/engine/transport/open-transport.ts';
import { encodeRtu, isWholeRtu } from '../../src/protocol/modbus.ts';
import { createModbusServer } from '../../src/simulator/wire/modbus-server.ts';
import { FaultTally } from './faulty-instrument.ts';
import { acceptFaultily } from './faulty-modbus.ts';
import { openLastingLine } from './lasting-line.ts';
import { REAL_FAULTS, REAL_TIMEOUT_MS } from './message-faults.ts';
import { describeMessageTransport, readMessage } from './message-suite.ts';
import { createModbusDevice, createRegisterUnit } from './modbus-device.ts';
import { modbusDialect } from './modbus-dialect.ts';
import { runModbusFaults } from './modbus-faults.ts';
import { holdingAt } from './modbus-registers.ts';
import { MODBUS_WAYS, serveModbus } from './modbus-way.ts';
import { hasSocat } from './pty-pair.ts';

afterAll(() => {
  expect(openScopes()).toEqual([]);
  expect(openModbusLines()).toBe(0);
});

for (const way of ['tcp', 'rtu'] as const) {
  describeMessageTransport({
    name: way === 'tcp' ? 'Modbus/TCP' : 'Modbus RTU on a pseudo-terminal',
    skip: way === 'rtu' && !hasSocat,
    dialect: modbusDialect,
    // A clear gives up what waits here; the device has none.
    has: {
      clear: true,
      trigger: false,
      statusByte: false,
      serviceRequest: false,
      lock: false,
      remoteLocal: false,
    },
    async open() {
      const device = createModbusDevice();
      const served = await serveModbus(way, device);
      return {
        transport: await openTransport(served.at(1)),
        device,
        openOther: () => openTransport(served.otherAt(1)),
        unplug: () => Promise.resolve(served[Symbol.asyncDispose]()),
        dispose: () => Promise.resolve(served[Symbol.asyncDispose]()),
      };
    },
  });
}

describe.each(MODBUS_WAYS)('faults over %s', (way) => {
  it(`${REAL_FAULTS} of them: nobody gets the answer to another question`, { timeout: REAL_TIMEOUT_MS }, async () => {
    await runModbusFaults({ way, seed: 900, faults: REAL_FAULTS });
  });
});

it('the same faults give a client that takes the next frame that fits wrong answers by the dozen', async () => {
  const clock = new ManualClock();
  const plan = { clock, random: seededRandom(3), tally: new FaultTally(), rate: 0.4, timeoutMs: 60 };
  const { acceptRtu } = createModbusServer(new Map([[1, createRegisterUnit()]]));
  let heard: Uint8Array = new Uint8Array(0);
  const connection = acceptFaultily(
    'rtu',
    acceptRtu,
    plan,
  )({
    pendingBytes: 0,
    async send(bytes) {
      heard = Buffer.concat([heard, bytes]);
    },
    cut() {},
  });
  let working = Promise.resolve();
  let wrong = 0;
  for (let asked = 0; asked < 500; asked++) {
    const question = encodeRtu(1, Uint8Array.of(3, asked >> 8, asked & 0xff, 0, 1));
    heard = new Uint8Array(0);
    working = working.then(() => connection.receive(question));
    await clock.advance(60);
    const isAnswer = heard.length >= 7 && isWholeRtu(heard.subarray(0, 7));
    if (isAnswer && (heard[3] ?? 0) * 256 + (heard[4] ?? 0) !== holdingAt(asked)) wrong++;
  }
  expect(wrong).toBeGreaterThan(24);
});

/** Files and sockets this process has open, where the system tells. */
const openFiles = (): number => (existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0);

describe.each(MODBUS_WAYS)('attached and detached over %s', (way) => {
  it('1,000 times leaves nothing open', async () => {
    const device = createModbusDevice();
    await using served = way === 'tcp' ? await serveModbus(way, device) : await openLastingLine(device.acceptRtu);
    const at = 'at' in served ? served.at(1) : `MODBUS-ASRL0::${served.path}::1`;
    const before = openFiles();
    for (let round = 0; round < 1000; round++) {
      await using transport = await openTransport(at);
      const { message, answer } = modbusDialect.question(round);
      await transport.write(message, { end: true });
      expect(await readMessage(transport)).toEqual(answer);
    }
    expect(openModbusLines()).toBe(0);
    // A line has one client for the whole time.
    expect(device.counts.connections).toBe(way === 'tcp' ? 1000 : 1);
    if (way === 'tcp') await expect.poll(() => device.counts.open).toBe(0);
    await expect.poll(openFiles).toBeLessThanOrEqual(before);
  });
});
