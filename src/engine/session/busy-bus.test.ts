import { afterEach, describe, expect, it } from 'vitest';
import { show, text } from '../../../test/conformance/message-suite.ts';
import { createTestDevice, type TestDevice } from '../../../test/conformance/test-device.ts';
import {
  createPrologixAdapter,
  openPrologixServer,
  type PrologixAdapter,
} from '../../simulator/wire/prologix-server.ts';
import { switchOutputsOff } from '../driver/outputs-off.ts';
import { createSystemClock } from '../system-clock.ts';
import { openSession } from './open-session.ts';
import type { Session } from './session.ts';
import type { SessionLimits } from './session-options.ts';

/** A supply at 7 and a scope at 8 behind one adapter, whose transfer of 4 MB takes the bus for 8 s. */
interface Bench {
  adapter: PrologixAdapter;
  supply: Session;
  scope: Session;
  device: TestDevice;
  output: { isOn: boolean };
  /** The scope has the bus from now on. */
  transfer(): Promise<{ ended: Promise<string> }>;
}

const BYTES = 4_000_000;
const SWITCH = [{ group: 'ch1', commands: ['OUTP OFF'], query: 'OUTP?', isOn: (reply: string) => reply === '1' }];

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setUp(limits: Partial<SessionLimits> = {}): Promise<Bench> {
  const [device, scopeDevice] = [createTestDevice(), createTestDevice()];
  const output = { isOn: false };
  device.answer = (message) => {
    const line = show(message).trim();
    if (line.startsWith('OUTP O')) output.isOn = line === 'OUTP ON';
    if (line === 'OUTP?') return text(output.isOn ? '1\n' : '0\n');
    return line === 'MEAS?' ? text('1.0\n') : undefined;
  };
  scopeDevice.answer = (message) =>
    show(message).trim() === 'WAV?' ? text(`#7${BYTES}${'A'.repeat(BYTES)}\n`) : undefined;
  const adapter = createPrologixAdapter({
    instruments: [
      { address: { primary: 7 }, device },
      { address: { primary: 8 }, device: scopeDevice },
    ],
    knobs: { bytesPerSecond: 500_000 },
  });
  const server = await openPrologixServer(0, adapter);
  cleanups.push(() => server[Symbol.asyncDispose]());
  const open = async (address: number): Promise<Session> => {
    const resource = `PRLGX-TCPIP0::127.0.0.1::${server.port}::${address}::INSTR`;
    const session = await openSession({ resource, clock: createSystemClock(), limits });
    cleanups.push(() => session[Symbol.asyncDispose]());
    return session;
  };
  const [supply, scope] = [await open(7), await open(8)];
  return {
    adapter,
    supply,
    scope,
    device,
    output,
    async transfer() {
      const ended = scope.queryBlock('WAV?', { timeoutMs: 120_000 }).then(
        () => 'whole',
        (error: unknown) => (error as { code: string }).code,
      );
      await expect.poll(() => scope.stats.bytesIn).toBeGreaterThan(50_000);
      return { ended };
    },
  };
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error: unknown) => (error as { code: string }).code,
  );

describe('Outputs off while a scope on the same adapter transfers', () => {
  const uses: Record<string, (supply: Session) => Promise<unknown>> = {
    'a poll of the supply waits for the bus': (supply) => supply.query('MEAS?', { priority: 'background' }),
    'a setting waits for the bus': (supply) => supply.write('OUTP ON'),
    'a serial poll waits for the bus': (supply) =>
      supply.control(async (control, signal) => control.statusByte?.(signal)),
    'a device clear waits for the bus': (supply) => supply.control(async (control, signal) => control.clear?.(signal)),
  };
  for (const [name, use] of Object.entries(uses)) {
    it(name, async () => {
      const { supply, transfer, output, device } = await setUp();
      await supply.write('OUTP ON');
      await expect.poll(() => output.isOn).toBe(true);
      const { ended } = await transfer();
      const waiting = codeOf(use(supply));
      await new Promise((resolve) => setImmediate(resolve));
      expect(await switchOutputsOff(supply, SWITCH)).toEqual([{ group: 'ch1', confirmed: true }]);
      expect(output.isOn).toBe(false);
      expect(await waiting).toBe('safety.refused');
      expect(await ended).toBe('safety.refused');
      expect(supply.state).toBe('open');
      // What waited was taken back, not put off.
      expect(await supply.query('OUTP?')).toBe('0');
      expect(device.received.map(show).filter((line) => line.startsWith('MEAS') || line.startsWith('OUTP ON'))).toEqual(
        ['OUTP ON'],
      );
    });
  }
});

it('a question that waits for the bus is asked when its turn comes; its time counts from there', async () => {
  const { adapter, supply, transfer } = await setUp({ timeoutMs: 2000 });
  const { ended } = await transfer();
  const asked = performance.now();
  const reading = supply.queryTimed('MEAS?');
  await new Promise((resolve) => setTimeout(resolve, 2500));
  adapter.knobs.bytesPerSecond = 0;
  const { text: answer, sentNs, receivedNs } = await reading;
  expect(answer).toBe('1.0');
  expect(Number(receivedNs - sentNs) / 1e6, 'without the wait for the bus').toBeLessThan(
    performance.now() - asked - 2000,
  );
  expect(await ended).toBe('whole');
  expect(supply.stats).toMatchObject({ timeouts: 0, reopened: 0, retries: 0 });
});

it('one whose turn does not come is not sent, and nobody blames the instrument', async () => {
  const { supply, transfer, device, scope, adapter } = await setUp({ timeoutMs: 200, turnMs: 400 });
  const { ended } = await transfer();
  expect(await codeOf(supply.query('MEAS?'))).toBe('instrument.busy');
  expect(await codeOf(supply.write('OUTP ON'))).toBe('instrument.busy');
  expect(supply).toMatchObject({ state: 'open', stats: { timeouts: 0, reopened: 0, retries: 0 } });
  adapter.knobs.bytesPerSecond = 0;
  expect(await ended).toBe('whole');
  expect(await supply.query('MEAS?', { timeoutMs: 20_000 })).toBe('1.0');
  expect(device.received.map(show), 'only what was asked in its turn').toEqual(['MEAS?']);
  expect(device.counts.clears).toBe(0);
  expect(scope.state).toBe('open');
});
