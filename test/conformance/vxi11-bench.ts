import type { Transport } from '../../src/engine/transport/transport.ts';
import { openVxi11, type Vxi11Options } from '../../src/engine/transport/vxi11/open-vxi11.ts';
import type { MessageDevice } from '../../src/simulator/wire/message-device.ts';
import { openVxi11Server, type Vxi11Knobs, type Vxi11Server } from '../../src/simulator/wire/vxi11-server.ts';
import { createTestDevice, type TestDevice } from './test-device.ts';

/** A simulated VXI-11 instrument whose answers the test decides, on free ports. */
export interface Vxi11Case extends AsyncDisposable {
  device: TestDevice;
  server: Vxi11Server;
  open(options?: Vxi11Options): Promise<Transport>;
}

export async function openVxi11Case(knobs: Partial<Vxi11Knobs> = {}): Promise<Vxi11Case> {
  const device = createTestDevice();
  const server = await openVxi11Server({ devices: { inst0: device }, portmapperPort: null, knobs });
  return {
    device,
    server,
    open: (options) => openLink(server, options),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Serves a device and opens links to it, for suites that bring their own. */
export async function serveVxi11(
  device: MessageDevice,
): Promise<{ open: () => Promise<Transport>; dispose: () => Promise<void> }> {
  const server = await openVxi11Server({ devices: { inst0: device }, portmapperPort: null });
  return { open: () => openLink(server), dispose: async () => server[Symbol.asyncDispose]() };
}

function openLink({ host, corePort, resource }: Vxi11Server, options?: Vxi11Options): Promise<Transport> {
  return openVxi11({ host, corePort, device: 'inst0', resource: resource('inst0') }, options);
}
