import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openScopes } from '../src/core/scope.ts';
import { type InstrumentLink, openInstrumentLink } from '../src/engine/acquisition/instrument-link.ts';
import { builtInFolder, readDefinition } from '../src/engine/driver/definition-folder.ts';
import { chooseFamily, familyNamed } from '../src/engine/driver/driver-table.ts';
import { createSystemClock } from '../src/engine/system-clock.ts';
import { Circuit } from '../src/simulator/circuit.ts';
import { createDefinitionDevice } from '../src/simulator/dialect/definition-wire.ts';
import { FaultGate } from '../src/simulator/fault.ts';
import { Random } from '../src/simulator/random.ts';
import { openPtyServer } from '../src/simulator/wire/pty-server.ts';
import { hasSocat } from './conformance/pty-pair.ts';

/** Instruments that are no SCPI devices, on real pseudo-terminals, attached by their names. */
const { signal } = new AbortController();
const why = hasSocat ? '' : ' (skipped: socat is not installed, so there are no pseudo-terminals)';

interface SerialBench extends AsyncDisposable {
  resource: string;
  gate: FaultGate;
  circuit: Circuit;
  attach(as: string, timeoutMs?: number): Promise<InstrumentLink>;
}

async function openSerialBench(file: string): Promise<SerialBench> {
  const clock = createSystemClock();
  const random = new Random(5);
  const circuit = new Circuit(clock);
  const gate = new FaultGate(random, clock);
  const definition = readDefinition(builtInFolder(), file);
  const { accept } = createDefinitionDevice(definition, { circuit, random, clock }, { gate, ledger: undefined });
  const folder = mkdtempSync(join(tmpdir(), 'labwire-serial-'));
  const server = await openPtyServer(folder, definition.id, accept);
  const resource = `ASRL${server.path}::INSTR`;
  return {
    resource,
    gate,
    circuit,
    // Whoever answers has all the time a busy machine needs.
    attach: (as, timeoutMs = 10_000) =>
      openInstrumentLink(
        resource,
        { clock, timeoutMs, outputsOffStepMs: 10_000, choose: chooseFamily, named: familyNamed, report: () => {} },
        { as },
      ),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

afterAll(() => expect(openScopes()).toEqual([]));

const DEVICES = [
  { id: 'korad-ka3005p', model: 'KORADKA3005PV2.0', maxV: 31, stated: 'STATUS?' },
  { id: 'bk-1685', model: '1687B', maxV: 36, stated: 'GOUT' },
] as const;

describe.skipIf(!hasSocat).each(DEVICES)(`$id on a pseudo-terminal${why}`, ({ id, model, maxV, stated }) => {
  it('is attached by its name, measures, is set and switched off', async () => {
    await using bench = await openSerialBench(`${id}.yaml`);
    await using link = await bench.attach(id);
    const { driver, identity, session } = link;
    expect(identity.model).toBe(model);
    expect(driver.shape).toMatchObject({ role: 'supply' });
    expect(driver.shape.controls.find((one) => one.id === 'ch1.voltage.set')?.max).toBe(maxV);
    const sentBefore = session.exchanges().filter(({ direction }) => direction === 'sent');
    for (const { text } of sentBefore) expect(['*IDN?', 'GMAX', '\\r']).toContain(text);

    expect(await driver.setControl('ch1.voltage.set', 5, signal)).toEqual({ 'ch1.voltage.set': 5 });
    expect(await driver.setControl('ch1.current.set', 0.5, signal)).toEqual({ 'ch1.current.set': 0.5 });
    expect(await driver.status?.(signal)).toMatchObject({ 'ch1.mode': 'off' });
    expect(await driver.setControl('ch1.output', true, signal)).toEqual({ 'ch1.output': true });
    await expect.poll(async () => (await driver.poll?.(signal))?.values[0]).toBeGreaterThan(0.5);
    expect(['CV', 'CC']).toContain((await driver.status?.(signal))?.['ch1.mode']);
    expect(bench.circuit.source.on).toBe(true);

    expect(await driver.outputsOff()).toEqual([{ group: 'ch1', confirmed: true }]);
    expect(bench.circuit.source.on).toBe(false);
    expect(session.stats).toMatchObject({ timeouts: 0, lateBytes: 0, reopened: 0 });
  });

  it('loses an answer, begins anew, and gives nobody the answer of another', async () => {
    await using bench = await openSerialBench(`${id}.yaml`);
    await using link = await bench.attach(id);
    const { driver, session } = link;
    await driver.setControl('ch1.voltage.set', 12, signal);
    bench.gate.set({ kind: 'drop', count: 1 });
    await expect(session.query(stated, { timeoutMs: 1000 })).rejects.toMatchObject({ code: 'transport.timeout' });
    expect(await driver.readControls(undefined, signal)).toMatchObject({ 'ch1.voltage.set': 12, 'ch1.output': false });
    expect(session.stats).toMatchObject({ timeouts: 1, reopened: 1 });
    bench.gate.set({ kind: 'delay', count: 1, delayMs: 1500 });
    await expect(session.query(stated, { timeoutMs: 1000 })).rejects.toMatchObject({ code: 'transport.timeout' });
    expect(await driver.readControls(['ch1.voltage.set'], signal)).toEqual({ 'ch1.voltage.set': 12 });
  });

  it('says who is not there, and leaves nothing open', async () => {
    await using bench = await openSerialBench(`${id}.yaml`);
    bench.gate.set({ kind: 'hang' });
    await expect(bench.attach(id, 200)).rejects.toMatchObject({ code: 'transport.timeout' });
    bench.gate.set({ kind: null });
    await using link = await bench.attach(id);
    expect(link.identity.model).toBe(model);
  });
});

describe.skipIf(!hasSocat)(`a command of the 1685 that is not acknowledged${why}`, () => {
  it('is not taken for done', async () => {
    await using bench = await openSerialBench('bk-1685.yaml');
    await using link = await bench.attach('bk-1685', 5000);
    bench.gate.set({ kind: 'drop', count: 1 });
    const set = link.driver.setControl('ch1.voltage.set', 9, signal);
    await expect(set).rejects.toMatchObject({ code: 'transport.timeout', message: expect.stringContaining('VOLT090') });
    expect(await link.driver.readControls(['ch1.voltage.set'], signal)).toEqual({ 'ch1.voltage.set': 9 });
  });
});
