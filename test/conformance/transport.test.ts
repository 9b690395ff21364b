import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { createMemoryWire } from '../../src/engine/transport/memory-transport.ts';
import { openSerial } from '../../src/engine/transport/open-serial.ts';
import { openTcp } from '../../src/engine/transport/open-tcp.ts';
import { openTransport } from '../../src/engine/transport/open-transport.ts';
import { listenOnce, memoryEnd, openFarPort } from './far-end.ts';
import { hasSocat, openPtyPair } from './pty-pair.ts';
import { describeTransport } from './transport-suite.ts';

const BUFFER_BYTES = 64 * 1024;

describeTransport({
  name: 'memory',
  keepsTail: true,
  floodBytes: 1024 * 1024,
  async open() {
    const { transport, device } = createMemoryWire({ clock: createSystemClock(), bufferBytes: BUFFER_BYTES });
    return { transport, far: memoryEnd(device), dispose: async () => {} };
  },
});

describeTransport({
  name: 'tcp',
  keepsTail: true,
  floodBytes: 32 * 1024 * 1024,
  async open() {
    const server = await listenOnce();
    const target = { host: '127.0.0.1', port: server.port, resource: `TCPIP0::127.0.0.1::${server.port}::SOCKET` };
    const transport = await openTcp(target, { bufferBytes: BUFFER_BYTES });
    return { transport, far: await server.far, dispose: async () => server.close() };
  },
});

describeTransport({
  name: 'serial over a pseudo-terminal',
  keepsTail: false,
  floodBytes: 2 * 1024 * 1024,
  skip: !hasSocat,
  async open() {
    const pair = await openPtyPair();
    const far = await openFarPort(pair.theirs, pair.hangUp);
    const resource = `ASRL${pair.ours}::INSTR`;
    const transport = await openSerial({ port: pair.ours, resource }, { baudRate: 115200, bufferBytes: BUFFER_BYTES });
    const dispose = async (): Promise<void> => {
      await far.close();
      await pair[Symbol.asyncDispose]();
    };
    return { transport, far, dispose };
  },
});

describe('openTransport', () => {
  const fails = (resource: string, code: string, words: RegExp): Promise<void> =>
    expect(openTransport(resource, { tcp: { connectTimeoutMs: 20_000 } })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(words),
    });

  it('refuses what it cannot read or open, with the reason and what to do', async () => {
    await fails('nonsense::5', 'resource.malformed', /Examples/);
    await fails('GPIB0::9::INSTR', 'resource.unsupported', /GPIB/);
  });

  it('maps what the system says of sockets', async () => {
    const server = await listenOnce();
    server.close();
    await fails(`127.0.0.1:${server.port}`, 'transport.refused', /nothing listens/);
    await fails('no-such-host.invalid', 'transport.not-found', /name has no address/);
    const aborted = openTransport('127.0.0.1:1', { signal: AbortSignal.abort() });
    await expect(aborted).rejects.toMatchObject({ code: 'call.cancelled' });
  });

  it('maps what the system says of serial ports', async () => {
    await fails('ASRL/dev/labwire-nothing::INSTR', 'transport.not-found', /plugged in/);
    await fails('ASRL/dev/null::INSTR', 'transport.failed', /no serial port/);
    await fails(`ASRL${tmpdir()}::INSTR`, 'transport.failed', /no serial port/);
  });

  it.skipIf(process.getuid?.() === 0)('says who may open a forbidden port', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'labwire-denied-'));
    const path = join(folder, 'port');
    writeFileSync(path, '');
    chmodSync(path, 0);
    await fails(`ASRL${path}::INSTR`, 'transport.denied', /dialout/);
    rmSync(folder, { recursive: true });
  });

  it.skipIf(!hasSocat)('says when another program holds the port, and which settings a port cannot do', async () => {
    await using pair = await openPtyPair();
    const resource = `ASRL${pair.ours}::INSTR`;
    await using holder = await openTransport(resource);
    expect(holder.resource).toBe(resource);
    await fails(resource, 'transport.busy', /other program/);
    if (process.platform === 'linux') {
      const odd = openTransport(`ASRL${pair.theirs}`, { serial: { parity: 'mark' } });
      await expect(odd).rejects.toMatchObject({ code: 'transport.unsupported' });
    }
  });

  it.skipIf(!hasSocat)('treats modem lines a port has not as an answer, not as a failure', async () => {
    await using pair = await openPtyPair();
    await using port = await openTransport(`ASRL${pair.ours}`, { serial: { lines: { dtr: true, rts: false } } });
    await expect(port.control?.setModemLines?.({ dtr: false, rts: false })).rejects.toMatchObject({
      code: 'transport.unsupported',
    });
    expect(port.control?.clear).toBeUndefined();
  });
});
