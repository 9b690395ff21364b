import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LabError } from '../../../core/errors.ts';
import { encodeRtu, type ModbusRequest } from '../../../protocol/modbus.ts';
import { ReadBuffer } from '../read-buffer.ts';
import { LineSilence, silenceTimes } from './line-silence.ts';
import { MODBUS_LIMITS } from './modbus-limits.ts';
import { ModbusLine } from './modbus-line.ts';
import { Stop } from './stop.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const QUESTION = { kind: 'read', table: 'holding', start: 0, count: 1 } as const;
const OFF: ModbusRequest = { kind: 'write', table: 'holding', start: 18, values: [0] };
const ANSWER = encodeRtu(1, Uint8Array.of(3, 2, 0, 42));

/** 9600 8N1: a character takes 1.04 ms, the silence 3.65 ms, the longest frame 267 ms. */
function openLine() {
  const buffer = new ReadBuffer();
  const sent: number[] = [];
  const silence = new LineSilence(silenceTimes({ baudRate: 9600 }, MODBUS_LIMITS));
  const line = new ModbusLine(
    {
      resource: 'WIRE',
      closed: new Promise(() => {}),
      write: async (bytes) => void sent.push(bytes[1] ?? 0),
      read: (options) => buffer.read(options),
      [Symbol.asyncDispose]: async () => buffer.abandon(new LabError('transport.closed', 'Closed.')),
    },
    { isTcp: false, silence },
  );
  const hear = async (bytes: Uint8Array): Promise<void> => {
    buffer.push(Buffer.from(bytes));
    await vi.advanceTimersByTimeAsync(0);
  };
  return { line, sent, hear };
}

it('the silence and the longest frame, by the settings of the line', () => {
  expect(silenceTimes({ baudRate: 19_200, parity: 'even' }, MODBUS_LIMITS).silenceMs).toBeCloseTo(2.005, 3);
  expect(silenceTimes({ baudRate: 115_200 }, MODBUS_LIMITS)).toMatchObject({ silenceMs: 1.75 });
  expect(silenceTimes({ baudRate: 115_200 }, MODBUS_LIMITS).boundMs).toBeCloseTo(23.97, 2);
  expect(silenceTimes({ baudRate: 1200 }, MODBUS_LIMITS).boundMs).toBe(500);
  expect(silenceTimes({ baudRate: 9600 }, { ...MODBUS_LIMITS, silenceMs: 20 }).silenceMs).toBe(20);
});

it('a question keeps 3.5 characters of silence behind the answer before', async () => {
  const { line, sent, hear } = openLine();
  const first = line.ask(1, QUESTION, new Stop());
  expect(sent).toEqual([3]);
  await hear(ANSWER);
  await first;
  const second = line.ask(1, QUESTION, new Stop());
  await vi.advanceTimersByTimeAsync(3);
  expect(sent).toEqual([3]);
  await vi.advanceTimersByTimeAsync(1);
  expect(sent).toEqual([3, 3]);
  await hear(ANSWER);
  expect(await second).toEqual({ kind: 'values', values: [42] });
});

it('what is urgent does not go into the answer of a question given up, nor waits for ever for noise', async () => {
  const { line, sent, hear } = openLine();
  const given = async (): Promise<void> => {
    const stop = new Stop();
    const asked = expect(line.ask(1, QUESTION, stop)).rejects.toMatchObject({ code: 'call.cancelled' });
    await vi.advanceTimersByTimeAsync(20);
    stop.end(new LabError('call.cancelled', 'Not wanted.'));
    await asked;
    sent.length = 0;
  };
  await given();
  await hear(ANSWER.subarray(0, 3));
  const urgent = line.ask(1, OFF, new Stop(), { isUrgent: true });
  await vi.advanceTimersByTimeAsync(3);
  await hear(ANSWER.subarray(3));
  await vi.advanceTimersByTimeAsync(3);
  expect(sent).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(sent).toEqual([6]);
  await hear(encodeRtu(1, Uint8Array.of(6, 0, 18, 0, 0)));
  expect(await urgent).toEqual({ kind: 'done' });

  sent.length = 0;
  const stop = new Stop();
  const noisy = line.ask(1, OFF, stop, { isUrgent: true });
  for (let ms = 0; ms < 260; ms++) {
    await hear(Uint8Array.of(0x55));
    await vi.advanceTimersByTimeAsync(1);
  }
  expect(sent).toEqual([]);
  for (let ms = 0; ms < 20; ms++) {
    await hear(Uint8Array.of(0x55));
    await vi.advanceTimersByTimeAsync(1);
  }
  expect(sent).toEqual([6]);
  stop.end(new LabError('call.cancelled', 'Over.'));
  await expect(noisy).rejects.toMatchObject({ code: 'call.cancelled' });
});

it('a stop ends the wait: nothing was sent, and nothing is owed', async () => {
  const { line, sent, hear } = openLine();
  const first = line.ask(1, QUESTION, new Stop());
  await hear(ANSWER);
  await first;
  const stop = new Stop();
  const asked = expect(line.ask(1, QUESTION, stop)).rejects.toMatchObject({ code: 'call.cancelled' });
  stop.end(new LabError('call.cancelled', 'Not wanted.'));
  await asked;
  await vi.advanceTimersByTimeAsync(10);
  expect(sent).toEqual([3]);
  expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
  // No marker: the question itself.
  void line.ask(1, QUESTION, new Stop()).catch(() => {});
  expect(sent).toEqual([3, 3]);
});
