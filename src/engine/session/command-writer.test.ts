import { expect, it } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { createMemoryWire } from '../transport/memory-transport.ts';
import { type Command, CommandWriter } from './command-writer.ts';

/** A writer on a wire whose device takes nothing, and the signals its writes were given. */
function watch(isHung: boolean) {
  const clock = new ManualClock();
  const { transport, device } = createMemoryWire({ clock, knobs: { isHung } });
  const signals: (AbortSignal | undefined)[] = [];
  const write = transport.write.bind(transport);
  transport.write = (bytes, options) => {
    signals.push(options?.signal);
    return write(bytes, options);
  };
  let stopped = 0;
  const writer = new CommandWriter(transport, clock, () => {
    stopped++;
  });
  return { clock, device, writer, signals, stopped: () => stopped };
}

const command: Command = {
  bytes: Uint8Array.of(65, 10),
  timeoutMs: 100,
  timedOut: () => new LabError('transport.timeout', 'too late'),
  isUrgent: false,
  onBegin: () => {},
  notSent: () => new LabError('instrument.busy', 'no turn'),
};
const reason = new LabError('safety.refused', 'Outputs off');
const codeOf = (promise: Promise<void>): Promise<string> =>
  promise.then(
    () => 'taken',
    (error: unknown) => LabError.from(error).code,
  );

it('ends when the message was taken, and its deadline with it', async () => {
  const { clock, writer, signals, stopped } = watch(false);
  expect(await codeOf(writer.write(command))).toBe('taken');
  expect(await codeOf(writer.write(command))).toBe('taken');
  expect(signals[1], 'one signal for one after another').toBe(signals[0]);
  expect(writer.stop(reason), 'nothing was being written').toBe(false);
  await clock.advance(1000);
  expect([stopped(), clock.pending]).toEqual([0, 0]);
});

it('a write that took too long goes on, also when a later one is stopped', async () => {
  const { clock, writer, signals, stopped } = watch(true);
  const first = codeOf(writer.write(command));
  await clock.advance(100);
  expect(await first).toBe('transport.timeout');
  const second = codeOf(writer.write(command));
  expect(writer.stop(reason)).toBe(true);
  expect(await second).toBe('safety.refused');
  expect(signals.map((signal) => signal?.aborted)).toEqual([false, true]);
  expect(stopped(), 'told to who stopped it, not again').toBe(0);
});

it('one in a hurry is stopped with the reason, and that is told', async () => {
  const { clock, writer, signals, stopped } = watch(true);
  const writing = codeOf(writer.write(command));
  writer.hurry(20, reason);
  await clock.advance(20);
  expect(await writing).toBe('safety.refused');
  expect([stopped(), signals[0]?.aborted]).toEqual([1, true]);
});
