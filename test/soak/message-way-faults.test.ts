import { afterAll, expect, it } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { openHislip } from '../../src/engine/transport/hislip/open-hislip.ts';
import { openTransport } from '../../src/engine/transport/open-transport.ts';
import { openHislipServer } from '../../src/simulator/wire/hislip-server.ts';
import { createPrologixAdapter, openPrologixServer } from '../../src/simulator/wire/prologix-server.ts';
import { type FaultyWay, type MessageFaults, runMessageFaults } from '../conformance/message-faults.ts';
import { openUsbBench } from '../usb/usb-bench.ts';

/** 10,000 faults over each way with message ends; VXI-11 has a file of its own, sockets and pseudo-terminals are in session-faults.test.ts. */

const FAULTS = 10_000;
const TIMEOUT_MS = FAULTS * 60;

type Open = MessageFaults['open'];

const hislip =
  (prefersOverlap: boolean): Open =>
  async (device): Promise<FaultyWay> => {
    const server = await openHislipServer({ port: 0, devices: { hislip0: device }, prefersOverlap });
    const target = { host: '127.0.0.1', port: server.port, device: 'hislip0', resource: 'hislip' };
    return { open: () => openHislip(target), dispose: async () => server[Symbol.asyncDispose]() };
  };

const usbtmc: Open = async (device) => {
  const bench = await openUsbBench(device, { packetSize: 64 });
  return { open: () => bench.open(), dispose: () => bench[Symbol.asyncDispose]() };
};

const prologix: Open = async (device) => {
  const adapter = createPrologixAdapter({ instruments: [{ address: { primary: 7 }, device }] });
  const server = await openPrologixServer(0, adapter);
  return {
    open: () => openTransport(`PRLGX-TCPIP0::127.0.0.1::${server.port}::7::INSTR`),
    dispose: async () => server[Symbol.asyncDispose](),
  };
};

afterAll(() => expect(openScopes()).toEqual([]));

it.each<[string, number, Open]>([
  ['HiSLIP, synchronized', 1300, hislip(false)],
  ['HiSLIP, overlap', 1400, hislip(true)],
  ['USBTMC over USB/IP', 1500, usbtmc],
  ['GPIB through a Prologix', 1600, prologix],
])('10,000 faults over %s', { timeout: TIMEOUT_MS }, async (name, seed, open) => {
  const results = await runMessageFaults({ name, seed, faults: FAULTS, open });
  expect(results).toHaveLength(8);
});
