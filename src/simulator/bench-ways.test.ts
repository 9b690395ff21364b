import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canonicalResource } from '../core/resource.ts';
import { openScopes } from '../core/scope.ts';
import { openTransport } from '../engine/transport/open-transport.ts';
import type { Transport } from '../engine/transport/transport.ts';
import { simulatedFamilies } from './bench/simulated-family.ts';
import { type Bench, openBench } from './bench.ts';
import { builtInDefinition } from './definition/definition-files.ts';
import type { LedgerEntry } from './ledger.ts';
import { ptyUnavailable } from './wire/pty-server.ts';

/** The bench on all its ways, through the engine's own transports: every fault strikes on every way, and the ledger says on which. */

let bench: Bench;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-ways-'));
  bench = await openBench({ ways: 'all', ledgerDir: folder, families: ['hp-34401a', 'rigol-dp800', 'rigol-dp800'] });
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
  expect(openScopes()).toEqual([]);
});

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** A client that reads one answer after another; noise included. */
class Client {
  readonly transport: Transport;
  #rest = '';

  constructor(transport: Transport) {
    this.transport = transport;
  }

  async send(message: string): Promise<void> {
    await this.transport.write(Buffer.from(`${message}\n`), { end: true });
  }

  /** Up to the end of a message, or an LF that ends what has come. */
  async answer(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf('\n');
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return line;
      }
      const { bytes } = await this.transport.read();
      this.#rest += text(bytes);
    }
  }

  /** Reads until an answer ends so. */
  async answerEnding(ending: string): Promise<string> {
    for (;;) {
      const line = await this.answer();
      if (line.endsWith(ending)) return line;
    }
  }

  async ask(question: string): Promise<string> {
    await this.send(question);
    return await this.answer();
  }
}

async function withClient(resource: string, use: (client: Client) => Promise<void>): Promise<void> {
  await using transport = await openTransport(resource);
  await use(new Client(transport));
}

/** name, way in the ledger, place of its resource. */
const SCPI_WAYS = [
  ['meter', 'socket', 0],
  ['meter', 'vxi11', 1],
  ['meter', 'hislip', 2],
  ['meter', 'socket', 3],
  ['gpib-meter', 'gpib', 0],
  ['usb-supply', 'usb', 0],
] as const;

function row(name: string) {
  const found = bench.instruments.find((one) => one.name === name);
  if (!found) throw new Error(`no ${name}`);
  return found;
}

function resourceOf(name: string, at: number): string {
  return row(name).resources[at] ?? '';
}

async function entries(name: string): Promise<LedgerEntry[]> {
  await bench.flushLedger();
  const lines = (await readFile(join(folder, `${name}.jsonl`), 'utf8')).trim().split('\n');
  return lines.map((line) => JSON.parse(line) as LedgerEntry);
}

describe('the rows', () => {
  test('the five first, then the other ways; every address in its one spelling; nobody is there twice', () => {
    expect(bench.instruments.map(({ name }) => name)).toEqual([
      ...['supply', 'meter', 'scope', 'load', 'daq'],
      ...['gpib-meter', 'gpib-supply', 'usb-supply', 'modbus-supply'],
      ...['hp-34401a', 'rigol-dp800', 'rigol-dp800-2'],
    ]);
    const resources = bench.instruments.flatMap((one) => one.resources);
    expect(resources.map(canonicalResource)).toEqual(resources);
    expect(new Set(resources).size).toBe(resources.length);
    // Those without a serial number aside, each is a unit of its own.
    const idns = bench.instruments.map(({ idn }) => idn).filter((idn) => idn.split(',')[2] !== '0');
    expect(new Set(idns).size).toBe(idns.length);
    expect(row('supply').resources[0]).toMatch(/^TCPIP0::127\.0\.0\.1::\d+::SOCKET$/);
  });

  test.each(['supply', 'meter', 'scope', 'gpib-meter', 'gpib-supply', 'usb-supply', 'hp-34401a', 'rigol-dp800-2'])(
    '%s answers with the same identity on each way',
    async (name) => {
      for (const resource of row(name).resources) {
        await withClient(resource, async (client) => expect(await client.ask('*IDN?'), resource).toBe(row(name).idn));
      }
    },
  );

  test('the supply of Modbus is one on both lines', async () => {
    expect(row('modbus-supply').resources).toHaveLength(ptyUnavailable() === undefined ? 2 : 1);
    for (const resource of row('modbus-supply').resources) {
      await withClient(resource, async (client) =>
        expect(await client.ask('*IDN?'), resource).toBe(row('modbus-supply').idn),
      );
    }
  });
});

describe.each(SCPI_WAYS)('faults of the %s by %s (%i)', (name, way, at) => {
  test('late, split, noisy, swapped, dropped, hung', async () => {
    const { idn } = row(name);
    await withClient(resourceOf(name, at), async (client) => {
      bench.setFault(name, { kind: 'delay', delayMs: 30, count: 1 });
      expect(await client.ask('*IDN?')).toBe(idn);

      bench.setFault(name, { kind: 'split', count: 1 });
      expect(await client.ask('*IDN?')).toBe(idn);

      bench.setFault(name, { kind: 'garbage', count: 1 });
      await client.send('*IDN?');
      expect(await client.answerEnding(idn)).toContain(idn);

      bench.setFault(name, { kind: 'wrong-order', count: 1 });
      await client.send('*OPC?');
      expect(await client.ask('*IDN?')).toBe(idn);
      // USBTMC asks for no answer without a question: there the late one stays in the instrument until the next message (-410).
      if (way !== 'usb') expect(await client.answer()).toBe('1');

      bench.setFault(name, { kind: 'drop', count: 1 });
      await client.send('*OPC?');
      expect(await client.ask('*IDN?')).toBe(idn);

      bench.setFault(name, { kind: 'hang' });
      await client.send('*IDN?');
      bench.setFault(name, { kind: null });
      expect(await client.answer()).toBe(idn);
    });
    const fates = (await entries(name)).filter((entry) => entry.way === way).map(({ fate }) => fate);
    for (const fate of ['delayed', 'split', 'garbled', 'swapped', 'dropped', 'sent'])
      expect(fates, fate).toContain(fate);
  });

  test('the link is cut, and the next one works', async () => {
    await withClient(resourceOf(name, at), async (client) => {
      bench.setFault(name, { kind: 'disconnect', count: 1 });
      await expect(client.ask('*IDN?')).rejects.toMatchObject({ code: 'transport.closed' });
    });
    await withClient(resourceOf(name, at), async (client) => expect(await client.ask('*IDN?')).toBe(row(name).idn));
    expect((await entries(name)).some((entry) => entry.way === way && entry.fate === 'cut')).toBe(true);
  });
});

test.each([
  ['vxi11', 1],
  ['hislip', 2],
] as const)('a device clear over %s: what hung is never begun, what is late is never answered', async (_, at) => {
  await withClient(resourceOf('supply', at), async (client) => {
    bench.setFault('supply', { kind: 'hang' });
    await client.send(':APPL CH3,2.5,1');
    await client.transport.control?.clear?.();
    bench.setFault('supply', { kind: 'delay', delayMs: 50, count: 1 });
    await client.send('*OPC?');
    await client.transport.control?.clear?.();
    expect(await client.ask(':APPL? CH3')).not.toContain('2.500');
  });
});

test('Modbus: faults and the ledger on both lines', async () => {
  for (const resource of row('modbus-supply').resources) {
    await withClient(resource, async (client) => {
      const asked = await client.ask('HOLD? 0,1');
      bench.setFault('modbus-supply', { kind: 'delay', delayMs: 30, count: 1 });
      expect(await client.ask('HOLD? 0,1')).toBe(asked);
      bench.setFault('modbus-supply', { kind: 'split', count: 1 });
      expect(await client.ask('HOLD? 0,1')).toBe(asked);
    });
  }
  const tcp = row('modbus-supply').resources.at(-1) ?? '';
  await withClient(tcp, async (client) => {
    await client.ask('HOLD? 0,1');
    bench.setFault('modbus-supply', { kind: 'disconnect', count: 1 });
    await expect(client.ask('HOLD? 0,1')).rejects.toMatchObject({ code: 'transport.closed' });
  });
  const noted = await entries('modbus-supply');
  const ways = ptyUnavailable() === undefined ? ['modbus-rtu', 'modbus-tcp'] : ['modbus-tcp'];
  for (const way of ways) {
    const own = noted.filter((entry) => entry.way === way);
    // Unit 1, function 3, one register from 0; the answer is the number of the model.
    expect(own.find(({ fate }) => fate === 'delayed')).toMatchObject({ query: '010300000001', reply: '010302ea9e' });
    expect(own.some(({ fate }) => fate === 'split')).toBe(true);
  }
});

test('without addresses of their own: free ports of 127.0.0.1, which the resource strings say, and the reason', async () => {
  await using shared = await openBench({ ways: 'all', usePtys: false, addresses: 'shared' });
  const meter = shared.instruments.find(({ name }) => name === 'meter');
  expect(meter?.resources).toEqual([
    expect.stringMatching(/^TCPIP0::127\.0\.0\.1::\d+::SOCKET$/),
    expect.stringMatching(/^TCPIP0::127\.0\.0\.1,\d+::inst0::INSTR$/),
    expect.stringMatching(/^TCPIP0::127\.0\.0\.1::hislip0,\d+::INSTR$/),
    expect.stringMatching(/^TCPIP0::127\.0\.0\.1::\d+::SOCKET$/),
  ]);
  expect(meter?.reason).toMatch(/free ports/);
  for (const { idn, resources } of shared.instruments.slice(0, 3)) {
    for (const resource of resources) {
      await withClient(resource, async (client) => expect(await client.ask('*IDN?'), resource).toBe(idn));
    }
  }
});

test('a second bench beside the first takes free ports', async () => {
  await using second = await openBench({ ways: 'all', usePtys: false });
  const all = second.instruments.flatMap((one) => one.resources);
  const taken = new Set(bench.instruments.flatMap((one) => one.resources));
  expect(all.filter((resource) => taken.has(resource))).toEqual([]);
  const meter = second.instruments.find(({ name }) => name === 'meter');
  for (const resource of meter?.resources ?? []) {
    await withClient(resource, async (client) => expect(await client.ask('*IDN?'), resource).toBe(meter?.idn));
  }
});

test('every family can be put on the bench and answers', async () => {
  const families = simulatedFamilies();
  await using every = await openBench({ usePtys: false, families });
  expect(every.instruments.slice(5).map(({ name }) => name)).toEqual(families);
  for (const { name, idn, resources } of every.instruments.slice(5)) {
    // Those with a dialogue of their own are not asked so.
    if (name !== 'hp-34401a' && builtInDefinition(name).dialog !== undefined) continue;
    await withClient(resources[0] ?? '', async (client) => expect(await client.ask('*IDN?'), name).toBe(idn));
  }
});

test('an unknown family is a clear error that names those there are, and nothing stays open', async () => {
  await expect(openBench({ usePtys: false, families: ['toaster'] })).rejects.toMatchObject({
    code: 'call.invalid',
    message: expect.stringMatching(/"toaster".*hp-34401a.*rigol-dp800/),
  });
});
