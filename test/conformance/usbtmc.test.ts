import { expect, it } from 'vitest';
import type { UsbtmcPeripheralOptions } from '../../src/simulator/usb/usbtmc-peripheral.ts';
import { openUsbBench } from '../usb/usb-bench.ts';
import { REAL_FAULTS, REAL_TIMEOUT_MS, runMessageFaults } from './message-faults.ts';
import { describeMessageTransport, type MessageKind } from './message-suite.ts';
import { createTestDevice } from './test-device.ts';

const ALL: MessageKind['has'] = {
  clear: true,
  trigger: true,
  statusByte: true,
  serviceRequest: true,
  lock: false,
  remoteLocal: true,
};

const VARIANTS: { name: string; options: UsbtmcPeripheralOptions; has?: Partial<MessageKind['has']> }[] = [
  { name: 'high speed, 512 bytes a packet', options: { packetSize: 512 } },
  { name: 'full speed, 64 bytes a packet', options: { packetSize: 64, interfaceNumber: 2 } },
  {
    name: 'no interrupt endpoint',
    options: { hasInterrupt: false, hasTermChar: false },
    has: { serviceRequest: false },
  },
  {
    name: 'answers in several transfers, no empty packets, aborts that take their time',
    options: { transferBytes: 1000, sendsEmptyPacket: false, pendingChecks: 2 },
  },
  {
    name: 'Rigol: one header for all, remote that does not work',
    options: { vendorId: 0x1ab1, productId: 0x0588, singleHeader: 'size', isRemoteLocalBroken: true },
    has: { remoteLocal: false },
  },
  { name: 'refuses to abort what has not begun', options: { isAbortDeaf: true } },
];

for (const { name, options, has } of VARIANTS) {
  describeMessageTransport({
    name: `USBTMC over USB/IP, ${name}`,
    has: { ...ALL, ...has },
    async open() {
      const device = createTestDevice();
      const bench = await openUsbBench(device, options);
      return {
        transport: await bench.open(),
        device,
        unplug: async () => bench.unplug(),
        dispose: () => bench[Symbol.asyncDispose](),
      };
    },
  });
}

it(
  `USBTMC over USB/IP: ${REAL_FAULTS} seeded faults, and no answer to another question`,
  async () => {
    const results = await runMessageFaults({
      name: 'USBTMC',
      seed: 488,
      async open(device) {
        const bench = await openUsbBench(device, { packetSize: 64 });
        return { open: () => bench.open(), dispose: () => bench[Symbol.asyncDispose]() };
      },
    });
    expect(results.length).toBeGreaterThan(0);
  },
  REAL_TIMEOUT_MS,
);
