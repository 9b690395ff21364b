import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTransport } from '../../src/engine/transport/open-transport.ts';
import { createPrologixAdapter, openPrologixServer } from '../../src/simulator/wire/prologix-server.ts';
import { openPtyServer } from '../../src/simulator/wire/pty-server.ts';
import { describeMessageTransport, type MessageCase } from './message-suite.ts';
import { hasSocat } from './pty-pair.ts';
import { createTestDevice } from './test-device.ts';

const has = {
  clear: true,
  trigger: true,
  statusByte: true,
  serviceRequest: true,
  // GPIB has no locks; one program owns the adapter.
  lock: false,
  remoteLocal: true,
};

for (const whileReading of ['wait', 'stop'] as const) {
  describeMessageTransport({
    name: `GPIB through a Prologix over TCP, commands during a read ${whileReading === 'wait' ? 'wait' : 'end it'}`,
    has,
    async open(): Promise<MessageCase> {
      const device = createTestDevice();
      const adapter = createPrologixAdapter({
        instruments: [{ address: { primary: 7 }, device }],
        knobs: { whileReading },
      });
      const server = await openPrologixServer(0, adapter);
      const transport = await openTransport(`PRLGX-TCPIP0::127.0.0.1::${server.port}::7::INSTR`);
      return {
        transport,
        device,
        unplug: async () => void (await server[Symbol.asyncDispose]()),
        dispose: async () => void (await server[Symbol.asyncDispose]()),
      };
    },
  });
}

for (const personality of ['prologix', 'ar488'] as const) {
  describeMessageTransport({
    name: `GPIB through ${personality === 'ar488' ? 'an AR488' : 'a Prologix'} on a pseudo-terminal`,
    skip: !hasSocat,
    has,
    async open(): Promise<MessageCase> {
      const device = createTestDevice();
      const folder = mkdtempSync(join(tmpdir(), 'labwire-gpib-'));
      const adapter = createPrologixAdapter({
        instruments: [{ address: { primary: 7 }, device }],
        personality,
      });
      const server = await openPtyServer(folder, 'gpib', adapter.accept);
      const transport = await openTransport(`PRLGX-ASRL0::${server.path}::7::INSTR`);
      return {
        transport,
        device,
        unplug: async () => void (await server[Symbol.asyncDispose]()),
        async dispose() {
          await server[Symbol.asyncDispose]();
          rmSync(folder, { recursive: true, force: true });
        },
      };
    },
  });
}
