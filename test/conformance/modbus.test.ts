import { existsSync, readdirSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { openModbusLines } from '../../src/engine/transport/modbus/line-share.ts';
import { openTransport } from '../../src/engine/transport/open-transport.ts';
import { openLastingLine } from './lasting-line.ts';
import { REAL_FAULTS, REAL_TIMEOUT_MS } from './message-faults.ts';
import { describeMessageTransport, readMessage } from './message-suite.ts';
import { createModbusDevice } from './modbus-device.ts';
import { modbusDialect } from './modbus-dialect.ts';
import { runModbusFaults } from './modbus-faults.ts';
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
