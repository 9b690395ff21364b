import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, expect, it } from 'vitest';
import { createMdnsSearch } from '../../src/engine/discovery/mdns-search.ts';
import type { SearchPlace } from '../../src/engine/discovery/search.ts';
import type { Found } from '../../src/engine/discovery/sighting.ts';
import { announceInstrument } from '../../src/simulator/announce.ts';
import { pythonText, SYSTEM_PYTHON } from './peer-program.ts';

/** python-zeroconf announces what LXI devices do; a line on stdin ends it with a goodbye. */
const ANNOUNCER = `
import socket, sys
from concurrent.futures import ThreadPoolExecutor
from zeroconf import ServiceInfo, Zeroconf
z = Zeroconf(interfaces=['10.99.0.1'])
txt = {'txtvers': '1', 'Manufacturer': 'Keysight Technologies', 'Model': '34461A', 'SerialNumber': 'MY53200001', 'FirmwareVersion': 'A.02.14'}
kinds = [('_hislip._tcp.local.', 4880, txt), ('_vxi-11._tcp.local.', 111, txt), ('_scpi-raw._tcp.local.', 5025, txt),
         ('_lxi._tcp.local.', 80, txt), ('_scpi-telnet._tcp.local.', 5024, {}), ('_lablink._tcp.local.', 8000, {})]
infos = [ServiceInfo(kind, 'Meter 1.' + kind, addresses=[socket.inet_aton('10.99.0.7')], port=port, properties=props, server='meter.local.')
         for kind, port, props in kinds]
list(ThreadPoolExecutor(6).map(z.register_service, infos))
print('ready', flush=True)
sys.stdin.readline()
list(ThreadPoolExecutor(6).map(z.unregister_service, infos))
z.close()
print('gone', flush=True)
`;

/** Lists what python-zeroconf finds of the types given, with address, port and TXT. */
const BROWSER = `
import json, socket, sys, time
from zeroconf import ServiceBrowser, Zeroconf
z = Zeroconf(interfaces=['10.99.0.1'])
class Listener:
    def __init__(self): self.rows = {}
    def add_service(self, zc, kind, name):
        info = zc.get_service_info(kind, name, 3000)
        if info: self.rows[kind] = {'name': name, 'port': info.port, 'addresses': [socket.inet_ntoa(a) for a in info.addresses],
            'txt': {k.decode(): (v or b'').decode() for k, v in info.properties.items()}}
    def update_service(self, *args): pass
    def remove_service(self, *args): pass
listener = Listener()
browsers = [ServiceBrowser(z, kind, listener) for kind in sys.argv[1:]]
end = time.time() + 8
while time.time() < end and len(listener.rows) < len(sys.argv) - 1: time.sleep(0.05)
z.close()
print(json.dumps(listener.rows))
`;

let child: ChildProcess | undefined;
afterEach(() => void child?.kill());

async function openAnnouncer(): Promise<{ end(): Promise<void> }> {
  child = spawn(SYSTEM_PYTHON, ['-u', '-c', ANNOUNCER], { stdio: ['pipe', 'pipe', 'inherit'] });
  const started = child;
  if (!started.stdout) throw new Error('no output');
  const lines = createInterface(started.stdout);
  await once(lines, 'line');
  return {
    async end() {
      started.stdin?.write('\n');
      await once(started, 'exit');
    },
  };
}

interface Collected {
  found: Map<string, Found>;
  until(what: string, test: () => boolean): Promise<void>;
  place: SearchPlace;
}

function collect(): Collected {
  const found = new Map<string, Found>();
  const waiting = new Set<() => void>();
  const tell = (): void => {
    for (const check of [...waiting]) check();
  };
  return {
    found,
    until: (what, test) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`${what} in vain; there is ${[...found.keys()].join(', ')}`)),
          15_000,
        );
        const check = (): void => {
          if (!test()) return;
          clearTimeout(timer);
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
    place: {
      signal: new AbortController().signal,
      found: (row) => {
        found.set(row.resource, row);
        tell();
      },
      lost: (resource) => {
        found.delete(resource);
        tell();
      },
      progress: () => {},
    },
  };
}

it('finds what python-zeroconf announces, with its identity, in one look', async () => {
  await openAnnouncer();
  const { found, place } = collect();
  await createMdnsSearch().look(place);
  const idn = 'Keysight Technologies,34461A,MY53200001,A.02.14';
  expect([...found.values()].map(({ resource, state, idn: who }) => [resource, state, who]).sort()).toEqual([
    ['10.99.0.7:8000', 'unusable', null],
    ['TCPIP0::10.99.0.7::5024::SOCKET', 'unusable', null],
    ['TCPIP0::10.99.0.7::5025::SOCKET', 'usable', idn],
    ['TCPIP0::10.99.0.7::hislip0::INSTR', 'usable', idn],
    ['TCPIP0::10.99.0.7::inst0::INSTR', expect.any(String), idn],
  ]);
});

it('hears it come and go while watching', async () => {
  const { found, until, place } = collect();
  using _watching = createMdnsSearch().watch?.(place, () => {});
  const announcer = await openAnnouncer();
  const raw = 'TCPIP0::10.99.0.7::5025::SOCKET';
  await until('the service', () => found.has(raw) && found.has('TCPIP0::10.99.0.7::hislip0::INSTR'));
  await announcer.end();
  await until('its goodbye', () => found.size === 0);
});

it('announces a simulated instrument so that python-zeroconf finds it, and our own discovery', async () => {
  const identity = { maker: 'RIGOL TECHNOLOGIES', model: 'DP832', serial: 'DP8A0001', firmware: '00.01.16' };
  await using announced = announceInstrument({
    host: '10.99.0.1',
    ports: { raw: 5555, vxi11: 111, hislip: 4880, lxi: 80 },
    identity,
  });
  await announced.announced;
  const rows = JSON.parse(
    await pythonText(BROWSER, [
      '_scpi-raw._tcp.local.',
      '_vxi-11._tcp.local.',
      '_hislip._tcp.local.',
      '_lxi._tcp.local.',
    ]),
  );
  const txt = {
    txtvers: '1',
    Manufacturer: 'RIGOL TECHNOLOGIES',
    Model: 'DP832',
    SerialNumber: 'DP8A0001',
    FirmwareVersion: '00.01.16',
  };
  const row = (kind: string, port: number) => ({
    [kind]: { name: `DP832 (DP8A0001).${kind}`, port, addresses: ['10.99.0.1'], txt },
  });
  expect(rows).toEqual({
    ...row('_scpi-raw._tcp.local.', 5555),
    ...row('_vxi-11._tcp.local.', 111),
    ...row('_hislip._tcp.local.', 4880),
    ...row('_lxi._tcp.local.', 80),
  });
  const { found, until, place } = collect();
  using _watching = createMdnsSearch().watch?.(place, () => {});
  await until('all ways', () => found.size === 3);
  expect(found.get('TCPIP0::10.99.0.1::5555::SOCKET')?.idn).toBe('RIGOL TECHNOLOGIES,DP832,DP8A0001,00.01.16');
  await announced[Symbol.asyncDispose]();
  await until('the goodbye', () => found.size === 0);
});
