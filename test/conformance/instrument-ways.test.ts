import { afterAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { LabError } from '../../src/core/errors.ts';
import { openScopes } from '../../src/core/scope.ts';
import { type InstrumentLink, openInstrumentLink } from '../../src/engine/acquisition/instrument-link.ts';
import { mergeSightings } from '../../src/engine/discovery/merge-sightings.ts';
import { chooseFamily, familyNamed } from '../../src/engine/driver/driver-table.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { Circuit } from '../../src/simulator/circuit.ts';
import { createKeysight34461a } from '../../src/simulator/dialect/keysight-34461a.ts';
import { createRigolDp832 } from '../../src/simulator/dialect/rigol-dp832.ts';
import { Random } from '../../src/simulator/random.ts';
import { INSTRUMENT_WAYS, type InstrumentWay, type InstrumentWays, serveInstrument } from './instrument-ways.ts';

/** One instrument is the same instrument whichever way it is attached: same driver, same values, same words about its errors. */

const clock = createSystemClock();
const never = new AbortController().signal;

afterAll(() => expect(openScopes()).toEqual([]));

function attach({ resources }: InstrumentWays, way: InstrumentWay): Promise<InstrumentLink> {
  const report = (error: LabError): never => {
    throw error;
  };
  return openInstrumentLink(resources[way], {
    clock,
    timeoutMs: 3000,
    choose: chooseFamily,
    named: familyNamed,
    report,
  });
}

/** A circuit that has come to rest at 5 V and stands still; the meter has its own noise, the same for each. */
async function serveMeter(): Promise<InstrumentWays & { loadV: number }> {
  const still = new ManualClock();
  const circuit = new Circuit(still);
  Object.assign(circuit.source, { voltage: 5, currentLimit: 1, on: true });
  await still.advance(10_000);
  const { loadV } = circuit.advance();
  const meter = createKeysight34461a(circuit, new Random(3), clock);
  return Object.assign(await serveInstrument(meter, clock), { loadV });
}

async function readMeter(way: InstrumentWay): Promise<{ idn: string; values: number[]; status: unknown }> {
  await using served = await serveMeter();
  await using link = await attach(served, way);
  const { driver, session } = link;
  expect(driver.shape.role).toBe('meter');
  const values: number[] = [];
  for (let round = 0; round < 3; round++) {
    const row = await driver.poll?.(never);
    values.push(...[...(row?.values ?? [])].filter((value) => Number.isFinite(value)));
  }
  expect(values.length).toBeGreaterThanOrEqual(3);
  for (const value of values) expect(value).toBeCloseTo(served.loadV, 2);
  const status = await driver.status?.(never);

  // An order it does not know: in its error queue, whichever way it came.
  await session.write('NONSENSE 1');
  expect(await session.query('SYST:ERR?')).toMatch(/^-113,/);
  expect(await session.query('SYST:ERR?')).toMatch(/^\+0,/);
  await expect(session.query('NONSENSE?', { timeoutMs: 300 })).rejects.toThrow(LabError);
  // The ladder made the way clean: the next answer belongs to the next question.
  expect(await session.query('*OPC?')).toBe('1');
  const idn = await session.query('*IDN?');
  if (session.can.clear) {
    await session.control(async ({ clear }, signal) => clear?.(signal));
    expect(await session.query('*IDN?')).toBe(idn);
  }
  if (session.can.statusByte) {
    const poll = () => session.control(async ({ statusByte }, signal) => statusByte?.(signal));
    // Bit 2: something is in the error queue.
    expect(await poll()).toBe(4);
    expect(await session.query('SYST:ERR?')).toMatch(/^-113,/);
    // Reading what is not answered is an error too where the way shows it (-420).
    while (!(await session.query('SYST:ERR?')).startsWith('+0,'));
    expect(await poll()).toBe(0);
  }
  return { idn, values, status };
}

describe('the same meter', () => {
  it('gives the same values, status and errors on every way', async () => {
    const bySocket = await readMeter('socket');
    for (const way of INSTRUMENT_WAYS) expect(await readMeter(way), way).toEqual(bySocket);
  });

  it('is one instrument with five ways, at once', async () => {
    await using served = await serveMeter();
    const links = await Promise.all(INSTRUMENT_WAYS.map((way) => attach(served, way)));
    try {
      const identities = links.map(({ identity }) => identity);
      for (const identity of identities) expect(identity).toEqual(identities[0]);
      const { maker, model, serial, firmware } = links[0]?.identity ?? chooseNothing();
      const rows = mergeSightings(
        Object.values(served.resources).map((resource) => ({
          resource,
          source: 'simulator' as const,
          state: 'usable' as const,
          idn: [maker, model, serial, firmware].join(','),
          seenNs: '0',
        })),
      );
      expect(rows.map(({ resources }) => resources.length)).toEqual([INSTRUMENT_WAYS.length]);
      // In turn: while it measures for one, it refuses the others (-213), as the real one does.
      for (const { driver } of links) {
        const row = await driver.poll?.(never);
        expect([...(row?.values ?? [])].find((value) => Number.isFinite(value))).toBeCloseTo(served.loadV, 2);
      }
    } finally {
      await Promise.all(links.map((link) => link[Symbol.asyncDispose]()));
    }
  });
});

describe('the same supply', () => {
  it.each(INSTRUMENT_WAYS)('over %s: set, read back, measured, outputs off and confirmed', async (way) => {
    const circuit = new Circuit(clock);
    const supply = createRigolDp832(circuit, new Random(4));
    await using served = await serveInstrument(supply, clock);
    await using link = await attach(served, way);
    const { driver } = link;
    expect(driver.shape.role).toBe('supply');
    const set = await driver.setControl('ch2.voltage.set', 4.5, never);
    expect(set['ch2.voltage.set']).toBe(4.5);
    await driver.setControl('ch2.output', true, never);
    const index = driver.shape.polled.findIndex(({ channel }) => channel === 'ch2.voltage');
    expect((await driver.poll?.(never))?.values[index]).toBeCloseTo(4.5, 1);
    expect(await driver.status?.(never)).toMatchObject({ 'ch2.mode': expect.stringMatching(/^C[VC]$/) });
    await expect(driver.setControl('ch2.voltage.set', 99, never)).rejects.toThrow(LabError);
    const off = await driver.outputsOff();
    expect(off.map(({ group, confirmed }) => [group, confirmed])).toEqual([
      ['ch1', true],
      ['ch2', true],
      ['ch3', true],
    ]);
    expect((await driver.poll?.(never))?.values[index]).toBeCloseTo(0, 1);
  });
});

function chooseNothing(): never {
  throw new Error('nothing was attached');
}
