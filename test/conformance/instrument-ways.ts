import type { Clock } from '../../src/core/clock.ts';
import { canonicalResource } from '../../src/core/resource.ts';
import { Scope } from '../../src/core/scope.ts';
import { FaultGate } from '../../src/simulator/fault.ts';
import { Random } from '../../src/simulator/random.ts';
import type { ScpiInstrument } from '../../src/simulator/scpi/instrument.ts';
import { openUsbipServer } from '../../src/simulator/usb/usbip-server.ts';
import { UsbtmcPeripheral } from '../../src/simulator/usb/usbtmc-peripheral.ts';
import { openHislipServer } from '../../src/simulator/wire/hislip-server.ts';
import { createPrologixAdapter, openPrologixServer } from '../../src/simulator/wire/prologix-server.ts';
import { acceptScpi } from '../../src/simulator/wire/scpi-connection.ts';
import { createScpiMessageDevice } from '../../src/simulator/wire/scpi-message-device.ts';
import { openSocketServer } from '../../src/simulator/wire/socket-server.ts';
import { openVxi11Server } from '../../src/simulator/wire/vxi11-server.ts';

export const INSTRUMENT_WAYS = ['socket', 'VXI-11', 'HiSLIP', 'Prologix', 'USB/IP'] as const;
export type InstrumentWay = (typeof INSTRUMENT_WAYS)[number];

/** One simulated instrument on all ways at once, and the resource string of each. */
export interface InstrumentWays extends AsyncDisposable {
  readonly resources: Readonly<Record<InstrumentWay, string>>;
}

export async function serveInstrument(instrument: ScpiInstrument, clock: Clock): Promise<InstrumentWays> {
  const scope = new Scope('an instrument on all ways');
  const gate = new FaultGate(new Random(1), clock);
  const port = { instrument, gate, ledger: undefined };
  const device = createScpiMessageDevice(port);
  const socket = scope.use(await openSocketServer(0, acceptScpi(port)));
  const vxi11 = scope.use(await openVxi11Server({ devices: { inst0: device }, portmapperPort: null }));
  const hislip = scope.use(await openHislipServer({ devices: { hislip0: device }, port: 0 }));
  const adapter = createPrologixAdapter({ instruments: [{ address: { primary: 22 }, device }] });
  const prologix = scope.use(await openPrologixServer(0, adapter));
  const usbip = scope.use(await openUsbipServer({ port: 0 }));
  const peripheral = new UsbtmcPeripheral(device);
  usbip.plug(peripheral);
  const { vendorId, productId } = peripheral.descriptor;
  return {
    resources: {
      socket: `TCPIP0::127.0.0.1::${socket.port}::SOCKET`,
      'VXI-11': vxi11.resource('inst0'),
      HiSLIP: `TCPIP0::127.0.0.1::hislip0,${hislip.port}::INSTR`,
      Prologix: `PRLGX-TCPIP0::127.0.0.1::${prologix.port}::22::INSTR`,
      'USB/IP': canonicalResource(
        `USBIP0::127.0.0.1,${usbip.port}::${vendorId}::${productId}::${instrument.identity.serial}::INSTR`,
      ),
    },
    [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
  };
}
