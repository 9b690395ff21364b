import { afterEach, beforeEach, expect, it } from 'vitest';
import { findPort } from '../../src/engine/transport/vxi11/find-port.ts';
import { openRpcClient } from '../../src/engine/transport/vxi11/rpc-client.ts';
import { CORE_PROCEDURES, VXI11_CORE, VXI11_FLAG, VXI11_REASON } from '../../src/protocol/vxi11.ts';
import { show, text } from './message-suite.ts';
import { openVxi11Case } from './vxi11-bench.ts';

// A timer takes 31 bits of milliseconds, the wire 32: what waits longer must not fire at once.

const warnings: string[] = [];
const onWarning = ({ name }: Error): void => void warnings.push(name);
beforeEach(() => process.on('warning', onWarning));
afterEach(() => {
  process.off('warning', onWarning);
  warnings.length = 0;
});

it('a lock is waited for without end', async () => {
  await using bench = await openVxi11Case();
  await using owner = await bench.open();
  await using other = await bench.open();
  await owner.control?.lock?.({ timeoutMs: 0 });
  const waiting = other.control?.lock?.({ timeoutMs: Number.POSITIVE_INFINITY });
  await owner.control?.statusByte?.();
  await owner.control?.unlock?.();
  await waiting;
  expect(warnings).toEqual([]);
});

it('the simulated instrument waits for clients that have no timeout (32 bits of ones)', async () => {
  await using bench = await openVxi11Case();
  const { host, corePort } = bench.server;
  await using client = await openRpcClient({ host, port: corePort, resource: 'X', ...VXI11_CORE });
  const args = { clientId: 1, lockDevice: false, lockTimeout: 0, device: 'inst0' };
  const { lid } = await client.call(CORE_PROCEDURES.createLink, args, { timeoutMs: 5000 });
  let answer: ((bytes: Uint8Array) => void) | undefined;
  bench.device.answer = () => new Promise((resolve) => (answer = resolve));
  const waits = { lid, ioTimeout: 0xffff_ffff, lockTimeout: 0 };
  const question = { ...waits, flags: VXI11_FLAG.end, data: text('SLOW?') };
  expect(await client.call(CORE_PROCEDURES.write, question, { timeoutMs: 5000 })).toEqual({ error: 0, size: 5 });
  await bench.device.receivedAtLeast(1);
  const request = { ...waits, requestSize: 100, flags: 0, termChar: 0 };
  const reading = client.call(CORE_PROCEDURES.read, request, { timeoutMs: 5000 });
  // As long as a timer that fires at once takes.
  await new Promise((resolve) => setTimeout(resolve, 20));
  answer?.(text('there'));
  const { error, reason, data } = await reading;
  expect([error, reason, show(data)]).toEqual([0, VXI11_REASON.end, 'there']);
  expect(warnings).toEqual([]);
});

it('a host name whose search outlasts the question for the port is no crash', async () => {
  const target = { host: 'no-such-instrument.invalid', resource: 'X', ...VXI11_CORE };
  const code = expect.stringMatching(/^transport\./);
  await Promise.all(
    Array.from({ length: 8 }, () => expect(findPort(target, { timeoutMs: 1 })).rejects.toMatchObject({ code })),
  );
  // Until the search of the last one is over.
  await expect(findPort(target, { timeoutMs: 10_000 })).rejects.toMatchObject({ code });
});
