import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { emptyState } from '../state/empty-state.ts';
import { StateBoard } from '../state/state-board.ts';
import { deviceName } from '../transport/serial-ports.ts';
import { DiscoveryDesk } from './discovery-desk.ts';
import { openKnownInstruments } from './known-instruments.ts';
import { createListSearch } from './list-searches.ts';
import { waysBack } from './open-discovery.ts';

it('a serial unit is sought where its adapter is now, then where it is seen, then where it was', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'labwire-ways-'));
  await using known = await openKnownInstruments(join(folder, 'known.json'), () => {});
  const identity = { maker: 'ACME', model: 'M1', serial: '1', firmware: '' };
  const seen = { id: 'ACME/M1/1', identity, label: 'M1', options: {} };
  known.remember({ ...seen, path: { resource: 'TCPIP0::10.0.0.9::5025::SOCKET', seenNs: '1' } });
  known.remember({ ...seen, path: { resource: 'ASRL/dev/ttyUSB0::INSTR', seenNs: '2', adapter: '0403:6001:A1' } });
  const row = (resource: string, idn: string) => ({ resource, state: 'usable', idn }) as const;
  await using discovery = new DiscoveryDesk({
    clock: new ManualClock(),
    board: new StateBoard(emptyState(folder)),
    searches: [
      createListSearch('mdns', async () => [
        row('TCPIP0::10.0.0.7::5025::SOCKET', 'Acme Inc,M1,1,'),
        row('TCPIP0::10.0.0.8::5025::SOCKET', 'ACME,M1,1,2'),
        row('TCPIP0::10.0.0.6::5025::SOCKET', 'ACME,M1,2,2'),
      ]),
    ],
    isInUse: () => false,
  });
  const port = (name: string, adapter: string) => ({ resource: `ASRL${name}::INSTR`, name, about: '', adapter });
  const ways = await waysBack(
    { known, discovery, simulated: () => [] },
    seen,
    new AbortController().signal,
    async () => [port('/dev/ttyUSB0', '0403:6001:OTHER'), port('/dev/ttyUSB1', '0403:6001:A1')],
  );
  expect(ways).toEqual([
    'ASRL/dev/ttyUSB1::INSTR',
    'TCPIP0::10.0.0.7::5025::SOCKET',
    'TCPIP0::10.0.0.8::5025::SOCKET',
    'TCPIP0::10.0.0.9::5025::SOCKET',
  ]);
  await known[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

it('a serial port is called what the system calls its adapter', () => {
  const udev = 'usb-Silicon_Labs_CP2102_USB_to_UART_Bridge_Controller_0001-if00-port0';
  expect(deviceName(udev, {})).toBe('Silicon Labs CP2102 USB to UART Bridge Controller 0001');
  expect(deviceName('usb-Arduino_Uno-if00', {})).toBe('Arduino Uno');
  expect(deviceName('USB\\VID_0403', { friendlyName: 'USB Serial Port (COM3)' })).toBe('USB Serial Port (COM3)');
  expect(deviceName(undefined, {})).toBeUndefined();
});
