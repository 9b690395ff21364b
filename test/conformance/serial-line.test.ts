import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SerialPort } from 'serialport';
import { describe, expect, it } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import { openInstrumentLink } from '../../src/engine/acquisition/instrument-link.ts';
import type { DriverFamily, FamilyLine } from '../../src/engine/driver/driver.ts';
import { genericScpiFamily } from '../../src/engine/driver/generic-scpi.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { hangupBinding } from '../../src/engine/transport/hangup-binding.ts';
import { openSerial } from '../../src/engine/transport/open-serial.ts';
import type { SerialOptions } from '../../src/engine/transport/serial-options.ts';
import { SerialTransport } from '../../src/engine/transport/serial-transport.ts';
import type { Transport } from '../../src/engine/transport/transport.ts';
import { openPtyServer } from '../../src/simulator/wire/pty-server.ts';
import { openFarPort } from './far-end.ts';
import { hasSocat, openPtyPair } from './pty-pair.ts';
import type { FarEnd } from './transport-suite.ts';

const why = hasSocat ? '' : ' (skipped: socat is not installed, so there are no pseudo-terminals)';
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

interface Line extends AsyncDisposable {
  port: Transport;
  far: FarEnd;
  heard(count: number): Promise<string>;
}

async function openLine(options: SerialOptions): Promise<Line> {
  const pair = await openPtyPair();
  const far = await openFarPort(pair.theirs, pair.hangUp);
  const port = await openSerial({ port: pair.ours, resource: `ASRL${pair.ours}::INSTR` }, options);
  return {
    port,
    far,
    async heard(count) {
      await far.receivedAtLeast(count);
      return Buffer.from(far.received()).toString('latin1');
    },
    async [Symbol.asyncDispose]() {
      await port[Symbol.asyncDispose]();
      await far.close();
      await pair[Symbol.asyncDispose]();
    },
  };
}

describe.skipIf(!hasSocat)(`a serial line as it is set${why}`, () => {
  it('a message sent byte by byte goes to its end, also when nobody waits for it; the next one is whole', async () => {
    await using line = await openLine({ baudRate: 115_200, bytePaceMs: 1 });
    const controller = new AbortController();
    const given = line.port.write(bytes('MEAS:VOLT:DC?\n'), { signal: controller.signal });
    await line.heard(1);
    controller.abort(new LabError('safety.refused', 'Outputs off'));
    await expect(given).rejects.toMatchObject({ code: 'safety.refused' });
    await line.port.write(bytes('OUTP OFF\n'));
    expect(await line.heard(23)).toBe('MEAS:VOLT:DC?\nOUTP OFF\n');
  });

  it('a port that fails is closed when its end is told: it can be opened again at once', async () => {
    await using pair = await openPtyPair();
    const resource = `ASRL${pair.ours}::INSTR`;
    const port = new SerialPort({ binding: hangupBinding, path: pair.ours, baudRate: 9600, autoOpen: false });
    await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())));
    const transport = new SerialTransport(port, resource, {});
    let isClosed = false;
    port.once('close', () => {
      isClosed = true;
    });
    port.emit('error', new Error('Framing error'));
    expect(await transport.closed).toMatchObject({ code: 'transport.failed' });
    expect(isClosed).toBe(true);
    await using again = await openSerial({ port: pair.ours, resource });
    expect(again.resource).toBe(resource);
    await transport[Symbol.asyncDispose]();
  });

  it('a hangup ends what is being sent slowly', async () => {
    await using line = await openLine({ baudRate: 115_200, bytePaceMs: 50 });
    const writing = expect(line.port.write(bytes('X'.repeat(1000)))).rejects.toMatchObject({
      code: 'transport.closed',
    });
    await line.heard(1);
    await line.far.hangUp();
    expect(await line.port.closed).toMatchObject({ code: 'transport.closed' });
    await writing;
  });

  it('DTR/DSR handshake on a port without DSR sends all the same, and says so', async () => {
    await using line = await openLine({ baudRate: 115_200, dsrdtr: true, lines: { dtr: true, rts: true } });
    await line.port.write(bytes('*IDN?\nSYST:ERR?\n'));
    expect(await line.heard(16)).toBe('*IDN?\nSYST:ERR?\n');
    expect(line.port.notes).toEqual([
      expect.stringMatching(/cannot set its modem lines/),
      expect.stringMatching(/DSR is low or cannot be read/),
    ]);
  });

  it('is cleared as its instrument says: by 03h, by a break, or not at all', async () => {
    await using plain = await openLine({});
    expect(plain.port.control?.clear).toBeUndefined();
    await using line = await openLine({ clear: 'ctrl-c' });
    await line.port.control?.clear?.();
    expect(await line.heard(1)).toBe('\x03');
    await using broken = await openLine({ clear: 'break' });
    // A pseudo-terminal carries no break.
    await expect(broken.port.control?.clear?.()).rejects.toMatchObject({ code: 'transport.unsupported' });
  });
});

describe.skipIf(!hasSocat)(`a family found by *IDN?${why}`, () => {
  /** Attaches an instrument whose family wants that; what the instrument heard, and what the session has. */
  async function attach(line: FamilyLine, as?: string): Promise<{ heard: string; sent: string[]; opened: number }> {
    const folder = mkdtempSync(join(tmpdir(), 'labwire-line-'));
    const heard: string[] = [];
    let opened = 0;
    const server = await openPtyServer(folder, 'meter', (wire) => {
      return {
        async receive(chunk: Uint8Array) {
          const text = Buffer.from(chunk).toString('latin1');
          heard.push(text);
          for (const _ of text.matchAll(/\*IDN\?/g)) await wire.send(bytes('ACME,M1,7,1.0\n'));
          for (const _ of text.matchAll(/AFTER\?/g)) await wire.send(bytes('1\n'));
        },
        closed() {},
      };
    });
    const family: DriverFamily = {
      ...genericScpiFamily,
      line,
      open(context) {
        opened++;
        return genericScpiFamily.open(context);
      },
    };
    try {
      await using link = await openInstrumentLink(
        `ASRL${server.path}::INSTR`,
        { clock: createSystemClock(), timeoutMs: 2000, choose: () => family, named: () => family, report: () => {} },
        as === undefined ? {} : { as },
      );
      expect(await link.session.query('AFTER?')).toBe('1');
      const sent = link.session.exchanges().flatMap(({ direction, text }) => (direction === 'sent' ? [text] : []));
      return { heard: heard.join(''), sent, opened };
    } finally {
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    }
  }

  it('is spoken to with its own line ends from then on, on the same port', async () => {
    const { heard, sent } = await attach({ writeTermination: 'crlf', paceMs: 5, line: { baudRate: 19_200 } });
    expect(heard.startsWith('*IDN?\n')).toBe(true);
    expect(heard.endsWith('AFTER?\r\n')).toBe(true);
    expect(sent[0]).toBe('*IDN?');
  });

  it('has its handshake: the port is opened once more, the driver once', async () => {
    const { heard, opened } = await attach({ writeTermination: 'cr', line: { flow: 'dsrdtr', clear: 'ctrl-c' } });
    expect(heard.startsWith('*IDN?\n*IDN?\r')).toBe(true);
    expect(opened).toBe(1);
  });

  it('nothing is opened twice where it wants nothing else', async () => {
    const { heard } = await attach({});
    expect(heard.match(/\*IDN/g)).toHaveLength(1);
  });
});
