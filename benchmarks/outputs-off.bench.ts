import assert from 'node:assert/strict';
import { switchOutputsOff } from '../src/engine/driver/outputs-off.ts';
import { openSession } from '../src/engine/session/open-session.ts';
import type { Session } from '../src/engine/session/session.ts';
import { createSystemClock } from '../src/engine/system-clock.ts';
import { openTransport } from '../src/engine/transport/open-transport.ts';
import type { Transport } from '../src/engine/transport/transport.ts';
import type { MessageDevice } from '../src/simulator/wire/message-device.ts';
import { MessageExchange } from '../src/simulator/wire/message-exchange.ts';
import { createPrologixAdapter, openPrologixServer } from '../src/simulator/wire/prologix-server.ts';
import { IS_CHILD, startOtherSide } from './adapter-process.ts';

/**
 * Outputs off during a 16 MiB transfer through one GPIB adapter (at 500 kB/s it would take half a minute): how long from the order until the
 * instrument has confirmed that it is off, for a supply beside the instrument that transfers (idle, and with a poll that waits for the bus) and
 * for that very instrument; for adapters that carry a device clear out during a read and for those that do not. Goal: under 500 ms.
 */
const BIG_BYTES = 16 * 1024 * 1024;
const BYTES_PER_SECOND = 500_000;
const ROUNDS = 5;
const GOAL_MS = 500;
const SUPPLY = 7;
const SCOPE = 8;

if (IS_CHILD) await serve();
else await measure();

function supplyDevice(): MessageDevice {
  let isOn = false;
  return {
    idn: 'Labwire,Bench supply,1,1',
    connect: () =>
      new MessageExchange({
        statusByte: () => 0,
        serviceRequestEnable: () => 0,
        fail: () => {},
        async execute(message, respond) {
          const text = Buffer.from(message).toString('latin1');
          if (text === 'OUTP ON') isOn = true;
          if (text === 'OUTP OFF') isOn = false;
          if (text === 'OUTP?') respond(Buffer.from(isOn ? '1\n' : '0\n'), true);
          if (text === 'WAV?') respond(block(), true);
        },
      }),
  };
}

function block(): Uint8Array {
  const head = Buffer.from(`#8${String(BIG_BYTES).padStart(8, '0')}`);
  return Buffer.concat([head, Buffer.alloc(BIG_BYTES, 0x9e), Buffer.from('\n')]);
}

async function serve(): Promise<void> {
  const ports: Record<string, number> = {};
  for (const whileReading of ['stop', 'wait'] as const) {
    const adapter = createPrologixAdapter({
      instruments: [SUPPLY, SCOPE].map((primary) => ({ address: { primary }, device: supplyDevice() })),
      knobs: { bytesPerSecond: BYTES_PER_SECOND, whileReading },
    });
    ports[whileReading] = (await openPrologixServer(0, adapter)).port;
  }
  process.send?.(ports);
}

async function measure(): Promise<void> {
  const { child, hello } = await startOtherSide<Record<'stop' | 'wait', number>>();
  let worstMs = 0;
  const say = (what: string, times: number[]): void => {
    worstMs = Math.max(worstMs, ...times);
    const sorted = [...times].sort((a, b) => a - b);
    console.log(
      `${what.padEnd(76)} median ${(sorted[times.length >> 1] ?? 0).toFixed(0)} ms, longest ${(sorted.at(-1) ?? 0).toFixed(0)} ms`,
    );
  };
  console.log(
    `\noutputs off during a transfer of ${BIG_BYTES / 1024 / 1024} MiB, until confirmed; ${ROUNDS} rounds each`,
  );
  for (const whileReading of ['stop', 'wait'] as const) {
    const adapter = whileReading === 'stop' ? 'adapter listens during a read' : 'adapter is deaf during a read';
    for (const off of [SUPPLY, SCOPE]) {
      const which = off === SUPPLY ? 'the supply beside it' : 'the one that transfers';
      const at = (pad: number): string => `PRLGX-TCPIP0::127.0.0.1::${hello[whileReading]}::${pad}::INSTR`;
      const bare: number[] = [];
      const sessions: number[] = [];
      const polled: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        bare.push(await onTransports(at(off), at(SCOPE)));
        sessions.push(await onSessions(at(off), at(SCOPE)));
        if (off === SUPPLY) polled.push(await onSessions(at(off), at(SCOPE), true));
      }
      say(`${adapter}, ${which}: transport`, bare);
      say(`${adapter}, ${which}: session`, sessions);
      if (off === SUPPLY) say(`${adapter}, ${which}: session, its poll waits`, polled);
    }
  }
  child.kill();
  console.log(`goal: under ${GOAL_MS} ms: ${worstMs < GOAL_MS ? 'met' : 'MISSED'}`);
  process.exitCode = worstMs < GOAL_MS ? 0 : 1;
}

async function onTransports(off: string, transferring: string): Promise<number> {
  await using scope = await openTransport(transferring);
  await using supply = off === transferring ? await openTransport(transferring) : await openTransport(off);
  const target = off === transferring ? scope : supply;
  await target.write(Buffer.from('OUTP ON\n'), { end: true });
  await scope.write(Buffer.from('WAV?\n'), { end: true });
  for (let got = 0; got < 200_000; ) got += (await scope.read()).bytes.length;
  const reading = readOn(scope);
  const start = performance.now();
  await target.write(Buffer.from('OUTP OFF\n'), { end: true, isUrgent: true });
  await target.write(Buffer.from('OUTP?\n'), { end: true, isUrgent: true });
  const cut = await reading;
  assert.equal(Buffer.from((await target.read()).bytes).toString(), '0\n');
  const tookMs = performance.now() - start;
  assert.equal(cut, 'safety.refused');
  return tookMs;
}

/** Reads until it is stopped; gives why. */
async function readOn(transport: Transport): Promise<string> {
  try {
    for (;;) await transport.read();
  } catch (error) {
    return (error as { code: string }).code;
  }
}

async function onSessions(off: string, transferring: string, isPolled = false): Promise<number> {
  const clock = createSystemClock();
  const limits = { timeoutMs: 60_000 };
  await using scope = await openSession({ resource: transferring, clock, limits });
  await using supply = off === transferring ? undefined : await openSession({ resource: off, clock, limits });
  const target: Session = supply ?? scope;
  await target.write('OUTP ON');
  const transfer = scope.queryBlock('WAV?', { timeoutMs: 60_000 }).then(
    () => 'whole',
    (error: { code: string }) => error.code,
  );
  while (scope.stats.bytesIn < 200_000) await new Promise((resolve) => setTimeout(resolve, 5));
  const poll = isPolled
    ? target.query('MEAS?', { priority: 'background' }).catch((error: { code: string }) => error.code)
    : undefined;
  if (poll) await new Promise((resolve) => setTimeout(resolve, 50));
  const start = performance.now();
  const results = await switchOutputsOff(target, [
    { group: 'ch1', commands: ['OUTP OFF'], query: 'OUTP?', isOn: (text) => text === '1' },
  ]);
  const tookMs = performance.now() - start;
  assert.deepEqual(results, [{ group: 'ch1', confirmed: true }]);
  assert.notEqual(await transfer, 'whole');
  if (poll) assert.equal(await poll, 'safety.refused');
  return tookMs;
}
