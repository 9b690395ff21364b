import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import type { HislipOptions } from '../../src/engine/transport/hislip/hislip-options.ts';
import { openHislip } from '../../src/engine/transport/hislip/open-hislip.ts';
import { openTransport } from '../../src/engine/transport/open-transport.ts';
import type { HislipServerOptions } from '../../src/simulator/wire/hislip-options.ts';
import { openHislipServer } from '../../src/simulator/wire/hislip-server.ts';
import { REAL_TIMEOUT_MS, runMessageFaults } from './message-faults.ts';
import { describeMessageTransport, readMessage, text } from './message-suite.ts';
import { createTestDevice } from './test-device.ts';

const pem = (name: string): string => readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url), 'utf8');
const SECURITY = { key: pem('instrument-key'), cert: pem('instrument-cert'), encryption: 'mandatory' } as const;

interface Variant {
  name: string;
  server?: Partial<HislipServerOptions>;
  client?: HislipOptions;
}

const VARIANTS: Variant[] = [
  { name: 'HiSLIP 1.0, synchronized', server: { version: '1.0' } },
  { name: 'HiSLIP 1.0 asked for, of a server that knows 2.0', client: { version: '1.0' } },
  { name: 'HiSLIP 2.0, synchronized' },
  { name: 'HiSLIP, overlap', server: { prefersOverlap: true } },
  {
    name: 'HiSLIP, synchronized asked for, overlap preferred',
    server: { prefersOverlap: true },
    client: { mode: 'synchronized' },
  },
  { name: 'HiSLIP, small messages', server: { maxMessageBytes: 528 }, client: { maxMessageBytes: 80 } },
  { name: 'HiSLIP, TLS', server: { security: SECURITY }, client: { tls: { ca: SECURITY.cert } } },
];

afterAll(() => expect(openScopes()).toEqual([]));

for (const { name, server: serverOptions, client } of VARIANTS) {
  describeMessageTransport({
    name,
    has: {
      clear: true,
      trigger: true,
      statusByte: true,
      serviceRequest: true,
      lock: true,
      sharedLock: true,
      remoteLocal: true,
    },
    ...(client?.maxMessageBytes === undefined ? {} : { bigBytes: 64 * 1024 }),
    async open() {
      const device = createTestDevice();
      const server = await openHislipServer({ port: 0, devices: { hislip0: device }, ...serverOptions });
      const open = () => openTransport(`TCPIP0::127.0.0.1::hislip0,${server.port}::INSTR`, { hislip: client });
      return {
        device,
        transport: await open(),
        unplug: async () => device.cutAll(),
        openOther: open,
        dispose: async () => server[Symbol.asyncDispose](),
      };
    },
  });
}

describe('HiSLIP under faults', () => {
  it.each<Variant>([{ name: 'synchronized' }, { name: 'overlap', server: { prefersOverlap: true } }])(
    '$name: no answer reaches another question',
    { timeout: REAL_TIMEOUT_MS },
    async ({ name, server: serverOptions }) => {
      await runMessageFaults({
        name: `HiSLIP ${name}`,
        seed: 300,
        async open(device) {
          const server = await openHislipServer({ port: 0, devices: { hislip0: device }, ...serverOptions });
          const target = { host: '127.0.0.1', port: server.port, device: 'hislip0', resource: 'hislip' };
          return { open: () => openHislip(target), dispose: async () => server[Symbol.asyncDispose]() };
        },
      });
    },
  );
});

it('1,000 instruments attached and detached leave nothing open', async () => {
  const device = createTestDevice();
  const server = await openHislipServer({ port: 0, devices: { hislip0: device } });
  const target = { host: '127.0.0.1', port: server.port, device: 'hislip0', resource: 'hislip' };
  const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
  const before = sockets();
  for (let round = 0; round < 100; round++) {
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const transport = await openHislip(target);
        await transport.write(text('ECHO? x'), { end: true });
        await readMessage(transport);
        await transport[Symbol.asyncDispose]();
      }),
    );
  }
  expect(device.counts.connections).toBe(1000);
  await server[Symbol.asyncDispose]();
  expect(device.counts.open).toBe(0);
  expect(server.clients).toBe(0);
  // Node gives handles back in turns of its own.
  for (let turn = 0; turn < 1000 && sockets() > before; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(sockets()).toBeLessThanOrEqual(before);
});
