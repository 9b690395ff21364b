import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SerialPort } from 'serialport';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasSocat, openPtyPair } from '../../../test/conformance/pty-pair.ts';
import { createTestDevice } from '../../../test/conformance/test-device.ts';
import { ScriptedInstrument } from '../../../test/lab/scripted-instrument.ts';
import type { DoctorReport } from '../../contract/discovery-schema.ts';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { parseResource } from '../../core/resource.ts';
import { Scope } from '../../core/scope.ts';
import { createPrologixAdapter, openPrologixServer } from '../../simulator/wire/prologix-server.ts';
import { createSystemClock } from '../system-clock.ts';
import { type DiagnoseOptions, diagnose } from './diagnose.ts';
import { isSameWire } from './same-wire.ts';

/** The doctor against real sockets, pseudo-terminals and processes. */
let scope: Scope;
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-doctor-'));
  const made = folder;
  scope = new Scope('doctor test');
  scope.defer(() => rm(made, { recursive: true, force: true }));
});
afterEach(() => scope[Symbol.asyncDispose]());

/** Whoever answers has all the time a busy machine needs; each socket that says nothing by itself is listened to for `greetingMs`. */
const PATIENT = { answerMs: 5000, greetingMs: 100, tryMs: 1000 };
/** Where nothing will come. */
const SILENT = { limits: { ...PATIENT, answerMs: 1500 } };
const ask = (resource: string, options: Partial<DiagnoseOptions> = {}): Promise<DoctorReport> =>
  diagnose(resource, { clock: createSystemClock(), limits: PATIENT, ...options });
const problemOf = ({ checks }: DoctorReport) => checks.find(({ state }) => state === 'problem');
const stateOf = ({ checks }: DoctorReport, id: string) => checks.find((check) => check.id === id)?.state;

async function serve(onSocket: (socket: net.Socket) => void): Promise<string> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return `TCPIP0::127.0.0.1::${(server.address() as AddressInfo).port}::SOCKET`;
}

describe('in the network', () => {
  test('a string that cannot be read', async () => {
    const report = await ask('TCPIP0::host::port::SOCKET');
    expect(report).toMatchObject({ isHealthy: false, checks: [{ id: 'string', state: 'problem' }] });
    expect(problemOf(report)?.fix).toContain('Examples');
  });

  test('an instrument that answers', async () => {
    await using instrument = await ScriptedInstrument.open({ '*IDN?': 'ACME,M1,0001,1' });
    const report = await ask(instrument.resource);
    expect(report).toMatchObject({ isHealthy: true, idn: 'ACME,M1,0001,1', verdict: 'It answers: ACME,M1,0001,1.' });
    expect(report.checks.map(({ id, state }) => `${id} ${state}`)).toEqual([
      'string ok',
      'name ok',
      'port ok',
      'answer ok',
    ]);
  });

  test('a name without an address', async () => {
    const report = await ask('no-such-host.invalid:5025');
    expect(problemOf(report)).toMatchObject({ id: 'name', cause: expect.stringMatching(/no-such-host\.invalid/) });
    expect(stateOf(report, 'answer')).toBe('skipped');
  });

  test('a refused port', async () => {
    const gone = await ScriptedInstrument.open({});
    const { resource } = gone;
    await gone[Symbol.asyncDispose]();
    expect(problemOf(await ask(resource))).toMatchObject({
      id: 'port',
      cause: expect.stringContaining('is there, but refuses port'),
      fix: expect.stringContaining('remote control'),
    });
  });

  test('silence behind an open port', async () => {
    const report = await ask(await serve(() => {}), SILENT);
    expect(problemOf(report)).toMatchObject({ id: 'answer', cause: expect.stringContaining('then says nothing') });
    expect(report.verdict).toBe(problemOf(report)?.cause);
  });

  test('a web server', async () => {
    const server = http.createServer((_request, response) => response.end('<html>')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    scope.defer(() => new Promise<void>((resolve) => void server.close(() => resolve())));
    const report = await ask(`127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect(problemOf(report)).toMatchObject({
      cause: expect.stringContaining('A web server answers'),
      paste: 'TCPIP0::127.0.0.1::5025::SOCKET',
    });
  });

  test.each([
    ['a terminal', '\xff\xfb\x01Welcome\r\nSCPI> ', /A terminal for people/],
    ['a shell', 'SSH-2.0-OpenSSH_9.2\r\n', /An SSH server/],
  ])('%s that greets', async (_name, greeting, cause) => {
    const report = await ask(
      await serve((socket) => {
        socket.write(Buffer.from(greeting, 'latin1'));
        socket.once('data', () => socket.write('?\r\n'));
      }),
    );
    expect(problemOf(report)?.cause).toMatch(cause);
  });

  test('a device that sends by itself, and one that answers what is no identity, are no instruments of SCPI', async () => {
    const speaking = await serve((socket) => {
      socket.write('temp:21.5\r\n');
      socket.once('data', () => socket.write('temp:21.6\r\n'));
    });
    const lines = await ask(speaking, { limits: { ...PATIENT, greetingMs: 2000 } });
    expect(lines.checks.at(-1)).toMatchObject({ state: 'warning', cause: expect.stringContaining('speaks by itself') });
    await using meter = await ScriptedInstrument.open({ '*IDN?': '1.25' });
    expect(await ask(meter.resource)).toMatchObject({
      isHealthy: false,
      verdict: expect.stringContaining('no identity'),
    });
  });

  test('one that hangs up on the question', async () => {
    const report = await ask(await serve((socket) => void socket.once('data', () => socket.destroy())));
    expect(problemOf(report)?.cause).toContain('hangs up');
  });

  test('HiSLIP refused, with nothing else there', async () => {
    const report = await ask('TCPIP0::127.0.0.1::hislip0,9::INSTR');
    expect(problemOf(report)).toMatchObject({ id: 'port', cause: expect.stringContaining('refuses port 9') });
  });

  test('cancelling throws the reason', async () => {
    const resource = await serve(() => {});
    const abort = new AbortController();
    const examined = ask(resource, { signal: abort.signal, limits: { answerMs: 60_000 } });
    abort.abort(new Error('stop'));
    await expect(examined).rejects.toThrow('stop');
  });
});

describe('an attached instrument', () => {
  test.each([
    ['TCPIP0::localhost::5025::SOCKET', 'TCPIP0::127.0.0.1::5025::SOCKET', true],
    ['TCPIP0::10.0.0.5::5025::SOCKET', 'TCPIP0::10.0.0.5::5555::SOCKET', false],
    ['PRLGX-TCPIP0::10.0.0.5::5::INSTR', 'PRLGX-TCPIP0::10.0.0.5::7::INSTR', true],
    ['PRLGX-TCPIP0::10.0.0.5::5::INSTR', 'PRLGX-TCPIP0::10.0.0.6::5::INSTR', false],
    ['TCPIP0::10.0.0.5::inst0::INSTR', 'TCPIP0::10.0.0.5::inst0::INSTR', false],
  ])('%s and %s are one wire: %s', (one, other, isOne) => {
    expect(isSameWire(parseResource(one), parseResource(other))).toBe(isOne);
  });

  test('over the same wire as another is not touched either', async () => {
    let knocks = 0;
    const resource = await serve(() => {
      knocks++;
    });
    const report = await ask(resource, { sharedWith: () => 'Meter' });
    expect(knocks).toBe(0);
    expect(report).toMatchObject({ isHealthy: false, idn: null });
    expect(report.checks.at(-1)).toMatchObject({ id: 'attached', state: 'warning' });
  });

  test('is told of, and not disturbed', async () => {
    let connections = 0;
    const resource = await serve(() => connections++);
    const attached = (state: InstrumentState['state']) =>
      ({
        label: 'My meter',
        state,
        identity: { maker: 'A', model: 'B', serial: 'C', firmware: 'D' },
        lastError: state === 'live' ? null : { code: 'transport.closed', message: 'The cable.' },
      }) as InstrumentState;
    const live = await ask(resource, { attachedAt: () => attached('live') });
    expect(live).toMatchObject({ isHealthy: true, idn: 'A,B,C,D' });
    expect(live.checks.at(-1)).toMatchObject({ id: 'attached', state: 'ok' });
    const lost = await ask(resource, { attachedAt: () => attached('reconnecting') });
    expect(lost).toMatchObject({ isHealthy: false, verdict: expect.stringContaining('reconnecting') });
    expect(connections).toBe(0);
  });
});

describe('a GPIB adapter itself', () => {
  async function openBus(primaries: number[]): Promise<string> {
    const instruments = primaries.map((primary) => ({ address: { primary }, device: createTestDevice() }));
    const { port } = scope.use(await openPrologixServer(0, createPrologixAdapter({ instruments })));
    return `PRLGX-TCPIP0::127.0.0.1::${port}`;
  }

  test('says which addresses answer behind it, and what to attach', async () => {
    const bus = await openBus([22, 7]);
    const report = await ask(`${bus}::INTFC`);
    expect(report).toMatchObject({
      isHealthy: false,
      idn: null,
      verdict:
        'This is a GPIB adapter (Prologix GPIB-ETHERNET Controller version 01.06.06.00), no instrument itself. Behind it the GPIB addresses 7, 22 answer.',
    });
    expect(report.checks.find(({ id }) => id === 'behind')).toMatchObject({
      state: 'warning',
      fix: expect.stringContaining(`${bus}::22::INSTR`),
      paste: `${bus}::7::INSTR`,
    });
    expect(stateOf(report, 'answer')).toBe('skipped');
  });

  test('with nobody behind it', async () => {
    const report = await ask(`${await openBus([])}::INTFC`);
    expect(problemOf(report)).toMatchObject({
      id: 'behind',
      cause: expect.stringContaining('No address from 0 to 30'),
    });
  });

  test('is not polled for one instrument behind it', async () => {
    const report = await ask(`${await openBus([7])}::9::INSTR`, SILENT);
    expect(stateOf(report, 'behind')).toBeUndefined();
  });
});

describe.skipIf(!hasSocat)('on a serial line (pseudo-terminals; skipped without socat)', () => {
  /** `holdsUntil`: its first answer comes only when this was sent. */
  async function openLine(end: string, { holdsUntil = '' } = {}) {
    const idn = 'ACME,PSU,7,1';
    let isHeld = false;
    let isSlow = holdsUntil !== '';
    const pair = scope.use(await openPtyPair());
    const port = new SerialPort({ path: pair.theirs, baudRate: 9600, autoOpen: false });
    await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())));
    scope.defer(() => new Promise<void>((resolve) => (port.isOpen ? port.close(() => resolve()) : resolve())));
    port.on('error', () => {});
    let text = '';
    const heard: string[] = [];
    port.on('data', (chunk: Buffer) => {
      heard.push(chunk.toString('latin1'));
      text += chunk.toString('latin1');
      for (let at = text.indexOf(end); at >= 0; at = text.indexOf(end)) {
        // To the letter: one that takes LF for white space answers CRLF where CR is meant.
        if (text.slice(0, at) === '*IDN?') {
          if (isSlow) isHeld = true;
          else port.write(`${idn}${end}`);
          isSlow = false;
        }
        text = text.slice(at + end.length);
      }
      if (isHeld && heard.join('').endsWith(holdsUntil)) {
        isHeld = false;
        port.write(`${idn}${end}`);
      }
    });
    return { resource: `ASRL${pair.ours}::INSTR`, path: pair.ours, heard };
  }

  test('an instrument that answers', async () => {
    const { resource } = await openLine('\n');
    expect(await ask(resource)).toMatchObject({ isHealthy: true, idn: 'ACME,PSU,7,1' });
  });

  test.each([
    ['CR', '\r', 'cr', 'cr'],
    ['CRLF', '\r\n', 'crlf', 'lf'],
  ])('another line end (%s) is found, but only when trying is asked for', async (_name, end, write, read) => {
    const { resource, heard } = await openLine(end);
    const first = await ask(resource, SILENT);
    expect(problemOf(first)).toMatchObject({
      cause: expect.stringContaining('does not answer *IDN? at 9600 baud, 8N1, LF'),
    });
    expect(first.works).toBeUndefined();
    await expect.poll(() => heard.join('').match(/\*IDN\?/g)).toHaveLength(1);
    const tried = await ask(resource, { tries: true, ...SILENT });
    expect(tried).toMatchObject({
      idn: 'ACME,PSU,7,1',
      isHealthy: false,
      // A pseudo-terminal has no rate: any one is answered.
      works: { line: { baudRate: expect.any(Number) }, writeTermination: write, readTermination: read },
    });
    expect(tried.verdict).toMatch(new RegExp(`It answers at \\d+ baud, 8N1, ${write.toUpperCase()}: ACME`));
  });

  test('an answer that comes during the next try is not taken for the answer to it', async () => {
    const { resource } = await openLine('\r', { holdsUntil: '*IDN?\r\n' });
    const tried = await ask(resource, { tries: true, limits: { ...PATIENT, answerMs: 1500, tryMs: 200 } });
    expect(tried).toMatchObject({ idn: 'ACME,PSU,7,1', works: { writeTermination: 'cr', readTermination: 'cr' } });
  });

  test('a port that another program holds', async () => {
    const { resource, path } = await openLine('\n');
    const holder = spawn('sh', ['-c', `exec 3<>'${path}'; echo held; exec sleep 60`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    scope.defer(() => void holder.kill());
    await once(holder.stdout, 'data');
    const report = await ask(resource);
    expect(problemOf(report)).toMatchObject({
      id: 'holder',
      cause: expect.stringContaining(`(process ${holder.pid})`),
      paste: `kill ${holder.pid}`,
    });
  });

  test('a lock file of a living process counts, one of a dead process does not', async () => {
    const { resource, path } = await openLine('\n');
    const real = (await import('node:fs')).realpathSync(path);
    const lock = join(folder, `LCK..${real.split('/').at(-1)}`);
    await writeFile(lock, `${String(process.ppid).padStart(10)}\n`);
    const system = { lockFolders: [folder] };
    expect(problemOf(await ask(resource, { system }))).toMatchObject({ id: 'holder' });
    await writeFile(lock, '   4194303\n');
    expect(stateOf(await ask(resource, { system }), 'holder')).toBe('ok');
  });
});

describe('devices of this machine', () => {
  test('a port that does not exist, and a path that is no device', async () => {
    expect(problemOf(await ask('/dev/ttyUSB987'))).toMatchObject({
      id: 'device',
      cause: expect.stringContaining('does not exist'),
    });
    expect(problemOf(await ask(`ASRL${folder}::INSTR`))).toMatchObject({
      cause: expect.stringContaining('no device but a folder'),
    });
    expect(problemOf(await ask('/dev/usbtmc987'))).toMatchObject({ id: 'device' });
  });

  test.skipIf(process.getuid?.() === 0)(
    'a port this person may not open (root may open every one: skipped for root)',
    async () => {
      expect(problemOf(await ask('/dev/tty1'))).toMatchObject({
        id: 'permission',
        paste: expect.stringContaining('usermod'),
      });
    },
  );

  test('ModemManager, with the rule that keeps it away', async () => {
    const proc = join(folder, 'proc/77');
    await mkdir(proc, { recursive: true });
    await writeFile(join(proc, 'comm'), 'ModemManager\n');
    const { modemManagerCheck } = await import('./serial-checks.ts');
    const { DOCTOR_SYSTEM } = await import('./patient.ts');
    const device = join(folder, 'sys/class/tty/ttyACM0/device');
    await mkdir(device, { recursive: true });
    await writeFile(join(folder, 'sys/class/tty/ttyACM0/idVendor'), '2341\n');
    await writeFile(join(folder, 'sys/class/tty/ttyACM0/idProduct'), '0043\n');
    const parsed = { kind: 'serial', canonical: '', port: '/dev/ttyACM0' } as const;
    const system = {
      ...DOCTOR_SYSTEM,
      platform: 'linux' as const,
      proc: join(folder, 'proc'),
      sys: join(folder, 'sys'),
    };
    expect(await modemManagerCheck.look({ parsed, system } as never)).toMatchObject({
      state: 'warning',
      paste: 'ATTRS{idVendor}=="2341", ATTRS{idProduct}=="0043", ENV{ID_MM_DEVICE_IGNORE}="1"',
    });
  });

  test('USB: not there, another unit, a kernel driver, and none at all', async () => {
    const devices = join(folder, 'sys/bus/usb/devices');
    const system = { platform: 'linux' as const, sys: join(folder, 'sys'), dev: join(folder, 'dev') };
    const resource = 'USB0::0x1AB1::0x0E11::DP8A1::INSTR';
    expect(problemOf(await ask(resource, { system }))?.cause).toContain('no USB at all');
    await mkdir(join(devices, '1-2'), { recursive: true });
    const facts = {
      idVendor: '1ab1',
      idProduct: '0e11',
      busnum: '1',
      devnum: '4',
      serial: 'DP8A9',
      manufacturer: 'Rigol',
      product: 'DP832',
    };
    for (const [file, text] of Object.entries(facts)) await writeFile(join(devices, '1-2', file), `${text}\n`);
    expect(problemOf(await ask('USB0::0x0957::0x1755::MY1::INSTR', { system }))?.cause).toContain(
      'No USB device with these ids',
    );
    expect(problemOf(await ask(resource, { system }))?.cause).toContain('with the serial number DP8A9');
    await writeFile(join(devices, '1-2', 'serial'), 'DP8A1\n');
    const missing = await ask(resource, { system });
    expect(problemOf(missing)).toMatchObject({
      id: 'usb-permission',
      paste: expect.stringContaining('idVendor}=="1ab1"'),
    });
    await mkdir(join(folder, 'dev/bus/usb/001'), { recursive: true });
    await writeFile(join(folder, 'dev/bus/usb/001/004'), '');
    await mkdir(join(devices, '1-2:1.0'));
    await symlink('../../../../bus/usb/drivers/usbfs', join(devices, '1-2:1.0/driver'));
    const report = await ask(resource, { system });
    expect(report.checks.filter(({ id }) => id.startsWith('usb'))).toMatchObject([
      { id: 'usb-device', state: 'ok', cause: 'Rigol DP832 is plugged in.' },
      { id: 'usb-permission', state: 'ok' },
      { id: 'usb-driver', state: 'warning', cause: expect.stringContaining('usbfs') },
    ]);
  });

  test('a GPIB address without an adapter', async () => {
    expect(problemOf(await ask('GPIB3::9::INSTR'))).toMatchObject({ id: 'board', paste: 'GPIB3::9::INSTR@visa' });
  });
});

test('a check that hangs is given up, and the examination goes on', async () => {
  const resource = await serve(() => {});
  const report = await ask(resource, { limits: { answerMs: 60_000, greetingMs: 10, checkMs: 200 } });
  expect(report.checks.at(-1)).toMatchObject({
    id: 'answer',
    state: 'warning',
    cause: expect.stringContaining('given up'),
  });
  expect(report.isHealthy).toBe(false);
});
