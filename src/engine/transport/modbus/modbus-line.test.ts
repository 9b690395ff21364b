import { afterEach, describe, expect, it, vi } from 'vitest';
import { createDeferred } from '../../../core/deferred.ts';
import { LabError } from '../../../core/errors.ts';
import { encodeRtu, encodeTcp, type ModbusRequest } from '../../../protocol/modbus.ts';
import { ReadBuffer } from '../read-buffer.ts';
import type { Transport } from '../transport.ts';
import { SharedLine } from './line-turn.ts';
import { ModbusLine } from './modbus-line.ts';
import { Stop } from './stop.ts';

/** A transport whose writes end when the test says so; `hear` is what comes. */
function setUp(isTcp = true) {
  const writes: ReturnType<typeof createDeferred<void>>[] = [];
  const sent: Uint8Array[] = [];
  const buffer = new ReadBuffer();
  const transport: Transport = {
    resource: 'HELD',
    closed: new Promise(() => {}),
    write(bytes) {
      const written = createDeferred<void>();
      writes.push(written);
      sent.push(bytes);
      return written.promise;
    },
    read: (options) => buffer.read(options),
    [Symbol.asyncDispose]: async () => buffer.abandon(new LabError('transport.closed', 'Closed.')),
  };
  return {
    writes,
    /** Unit, function and data of what was sent. */
    requests: () => sent.map((frame) => [...(isTcp ? frame.subarray(6) : frame.subarray(0, -2))]),
    /** Whole frames or parts of them, in one piece. */
    hear: (...parts: Uint8Array[]) => buffer.push(Buffer.concat(parts)),
    line: new ModbusLine(transport, { isTcp }),
  };
}

const CANCELLED = new LabError('call.cancelled', 'Not wanted.');

/** Unit 1's answer to QUESTION. */
const holding = (value: number): Uint8Array => Uint8Array.of(3, 2, value >> 8, value & 0xff);
const tcp = (transaction: number, value: number): Uint8Array => encodeTcp(transaction, 1, holding(value));
const rtu = (value: number): Uint8Array => encodeRtu(1, holding(value));

const QUESTION = { kind: 'read', table: 'holding', start: 0, count: 1 } as const;

it('a write that fails after its question was given up does not take the answer of the next one', async () => {
  const { writes, hear, line } = setUp();
  const stop = new Stop();
  const first = line.ask(1, QUESTION, stop);
  await expect.poll(() => writes.length).toBe(1);
  stop.end(CANCELLED);
  await expect(first).rejects.toMatchObject({ code: 'call.cancelled' });
  const second = line.ask(1, QUESTION, new Stop(), { timeoutMs: 1000 });
  await expect.poll(() => writes.length).toBe(2);
  writes[0]?.reject(new LabError('transport.failed', 'Not sent.'));
  await turn();
  hear(tcp(2, 42));
  expect(await second).toMatchObject({ kind: 'values', values: [42] });
});

describe('a Modbus/TCP stream', () => {
  it('is cut at its frames wherever its pieces end, also those of a question given up', async () => {
    const { hear, line } = setUp();
    const stop = new Stop();
    const first = line.ask(1, QUESTION, stop);
    hear(tcp(1, 0x0203).subarray(0, 8));
    await turn();
    stop.end(CANCELLED);
    await expect(first).rejects.toBe(CANCELLED);
    hear(tcp(1, 0x0203).subarray(8, 10));
    const second = line.ask(1, QUESTION, new Stop());
    hear(tcp(1, 0x0203).subarray(10), tcp(2, 7).subarray(0, 3));
    for (const byte of tcp(2, 7).subarray(3)) hear(Uint8Array.of(byte));
    expect(await second).toEqual({ kind: 'values', values: [7] });
  });

  it('without frames ends: nothing behind it can be told apart', async () => {
    const { hear, line } = setUp();
    const asked = line.ask(1, QUESTION, new Stop());
    // An RTU frame, as of a gateway that only passes bytes on.
    hear(rtu(513), rtu(513));
    await expect(asked).rejects.toMatchObject({ code: 'protocol.malformed' });
    await expect(line.ask(1, QUESTION, new Stop())).rejects.toMatchObject({ code: 'protocol.malformed' });
  });
});

describe('a serial line in step again', () => {
  /** A question given up, and one more that waits for its marker. */
  async function owing() {
    const parts = setUp(false);
    const { line, requests } = parts;
    for (const count of [1, 2]) {
      const stop = new Stop();
      const asked = line.ask(1, QUESTION, stop);
      await expect.poll(() => requests().length).toBe(count);
      stop.end(CANCELLED);
      await expect(asked).rejects.toBe(CANCELLED);
    }
    const asked = line.ask(1, QUESTION, new Stop());
    await expect.poll(() => requests().length).toBe(3);
    const [, first = [], second = []] = requests();
    const echo = (request: readonly number[]): Uint8Array => encodeRtu(1, Uint8Array.from(request.slice(1)));
    return { ...parts, asked, first: echo(first), second: echo(second) };
  }

  it('asks for an echo of a value it has not asked for before', async () => {
    const { requests, first, second } = await owing();
    expect(requests().map(([, code]) => code)).toEqual([3, 8, 8]);
    expect(first).not.toEqual(second);
  });

  it('takes the answer to an older marker for no proof', async () => {
    const { requests, hear, asked, first, second } = await owing();
    // Late, in order: the answer given up, then that of the first marker.
    hear(rtu(1), first);
    await turn();
    expect(requests()).toHaveLength(3);
    hear(second);
    await expect.poll(() => requests().length).toBe(4);
    expect(requests()[3]?.[1]).toBe(3);
    hear(rtu(42));
    expect(await asked).toEqual({ kind: 'values', values: [42] });
  });

  it('takes an exception for no proof while one of its function may be late', async () => {
    const { requests, hear, asked } = await owing();
    const refused = encodeRtu(1, Uint8Array.of(0x88, 1));
    hear(refused);
    await turn();
    expect(requests()).toHaveLength(3);
    hear(refused);
    // Of another function next, and of another length than what is owed.
    await expect.poll(() => requests().length).toBe(4);
    expect(requests()[3]).toEqual([1, 3, 0, 0, 0, 2]);
    hear(rtu(1), encodeRtu(1, Uint8Array.of(3, 4, 0, 5, 0, 6)));
    await expect.poll(() => requests().length).toBe(5);
    hear(rtu(42));
    expect(await asked).toEqual({ kind: 'values', values: [42] });
  });
});

it('an urgent write on a serial line that owes goes out at once, and takes no other answer for its own', async () => {
  const { line, requests, hear } = setUp(false);
  const put = (value: number): ModbusRequest => ({ kind: 'write', table: 'holding', start: 18, values: [value] });
  const written = (value: number): Uint8Array => encodeRtu(1, Uint8Array.of(6, 0, 18, 0, value));
  const stop = new Stop();
  const first = line.ask(1, put(1), stop);
  stop.end(CANCELLED);
  await expect(first).rejects.toBe(CANCELLED);
  const urgent = line.ask(1, put(0), new Stop(), { isUrgent: true });
  expect(requests()).toEqual([
    [1, 6, 0, 18, 0, 1],
    [1, 6, 0, 18, 0, 0],
  ]);
  // That of the first write, and a refusal that may be of it, too.
  hear(written(1));
  hear(encodeRtu(1, Uint8Array.of(0x86, 4)));
  hear(written(0));
  expect(await urgent).toEqual({ kind: 'done' });
  // What is not urgent waits until the first write's answer cannot come any more.
  // Told from the beginning what is to become of it: it ends while the line is being closed.
  const later = expect(line.ask(1, put(1), new Stop())).rejects.toMatchObject({ code: 'transport.closed' });
  await expect.poll(() => requests()[2]?.[1]).toBe(8);
  await line[Symbol.asyncDispose]();
  await later;
});

it('an urgent write of several values waits for a marker when one like it is owed: it is confirmed by its count only', async () => {
  const { line, requests } = setUp(false);
  const put = (...values: number[]): ModbusRequest => ({ kind: 'write', table: 'holding', start: 8, values });
  const stop = new Stop();
  const first = line.ask(1, put(5, 5), stop);
  stop.end(CANCELLED);
  await expect(first).rejects.toBe(CANCELLED);
  const urgent = expect(line.ask(1, put(0, 0), new Stop(), { isUrgent: true })).rejects.toMatchObject({
    code: 'transport.closed',
  });
  await expect.poll(() => requests().map(([, code]) => code)).toEqual([16, 8]);
  await line[Symbol.asyncDispose]();
  await urgent;
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
        stop.end(CANCELLED);
        await expect(urgent).rejects.toMatchObject({ code: 'call.cancelled' });
      }
      work.resolve();
      await holding;
      if (!isAborted) expect(await urgent).toBe('done');
      expect(vi.getTimerCount()).toBe(0);
    }
  });
});

/** What was heard has been looked at. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
