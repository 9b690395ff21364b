import { afterEach, describe, expect, it, vi } from 'vitest';
import { createDeferred } from '../../../core/deferred.ts';
import { LabError } from '../../../core/errors.ts';
import { encodeTcp } from '../../../protocol/modbus.ts';
import type { ReadResult, Transport } from '../transport.ts';
import { SharedLine } from './line-turn.ts';
import { ModbusLine } from './modbus-line.ts';
import { Stop } from './stop.ts';

/** A transport whose writes and reads end when the test says so. */
function setUp() {
  const writes: ReturnType<typeof createDeferred<void>>[] = [];
  const heard = createDeferred<ReadResult>();
  let reads = 0;
  const transport: Transport = {
    resource: 'HELD',
    closed: new Promise(() => {}),
    write() {
      const written = createDeferred<void>();
      writes.push(written);
      return written.promise;
    },
    read: () => (reads++ === 0 ? heard.promise : new Promise(() => {})),
    [Symbol.asyncDispose]: async () => {},
  };
  return { writes, heard, line: new ModbusLine(transport, { isTcp: true }) };
}

const QUESTION = { kind: 'read', table: 'holding', start: 0, count: 1 } as const;

it('a write that fails after its question was given up does not take the answer of the next one', async () => {
  const { writes, heard, line } = setUp();
  const stop = new Stop();
  const first = line.ask(1, QUESTION, stop);
  await expect.poll(() => writes.length).toBe(1);
  stop.end(new LabError('call.cancelled', 'Not wanted.'));
  await expect(first).rejects.toMatchObject({ code: 'call.cancelled' });
  const second = line.ask(1, QUESTION, new Stop(), 1000);
  await expect.poll(() => writes.length).toBe(2);
  writes[0]?.reject(new LabError('transport.failed', 'Not sent.'));
  await new Promise((resolve) => setImmediate(resolve));
  heard.resolve({ bytes: encodeTcp(2, 1, Uint8Array.of(3, 2, 0, 42)), end: false });
  expect(await second).toMatchObject({ kind: 'values', values: [42] });
});

describe('a turn on the line', () => {
  afterEach(() => void vi.useRealTimers());

  it('that came in time, or is not wanted any more, leaves no timer', async () => {
    vi.useFakeTimers();
    const shared = new SharedLine(setUp().line);
    for (const isAborted of [false, true]) {
      const work = createDeferred<void>();
      const holding = shared.run({ isUrgent: false, stop: new Stop() }, () => work.promise);
      const stop = new Stop();
      const urgent = shared.run({ isUrgent: true, stop }, async () => 'done');
      expect(vi.getTimerCount()).toBe(1);
      if (isAborted) {
        stop.end(new LabError('call.cancelled', 'Not wanted.'));
        await expect(urgent).rejects.toMatchObject({ code: 'call.cancelled' });
      }
      work.resolve();
      await holding;
      if (!isAborted) expect(await urgent).toBe('done');
      expect(vi.getTimerCount()).toBe(0);
    }
  });
});
