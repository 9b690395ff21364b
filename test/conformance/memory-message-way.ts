import { createDeferred } from '../../src/core/deferred.ts';
import { type ErrorCode, LabError } from '../../src/core/errors.ts';
import { cancellation } from '../../src/engine/transport/read-buffer.ts';
import type { Transport, TransportControl, WriteOptions } from '../../src/engine/transport/transport.ts';
import type { MessageDevice } from '../../src/simulator/wire/message-device.ts';

const READ_BYTES = 1024 * 1024;

export interface MemoryMessageWay extends Transport {
  readonly control: Required<Pick<TransportControl, 'clear' | 'statusByte' | 'trigger'>>;
  /** Options of each write, oldest first. */
  readonly writes: WriteOptions[];
  readonly clears: number;
}

/** A message-based way without a system below it, with device clear: for tests on a manual clock. */
export function openMemoryMessageWay(device: MessageDevice): MemoryMessageWay {
  const closed = createDeferred<{ code: ErrorCode; message: string }>();
  let ended: LabError | undefined;
  let reading: AbortController | undefined;
  let clears = 0;
  const end = (message: string): void => {
    if (ended) return;
    ended = new LabError('transport.closed', message);
    connection.closed();
    reading?.abort(ended);
    closed.resolve({ code: 'transport.closed', message });
  };
  const connection = device.connect(() => queueMicrotask(() => end('The device hung up.')));
  const writes: WriteOptions[] = [];
  return {
    resource: 'MEMORY::INSTR',
    isMessageBased: true,
    closed: closed.promise,
    writes,
    get clears() {
      return clears;
    },
    async write(bytes, options = {}) {
      if (ended) throw ended;
      writes.push(options);
      const { signal } = options;
      const aborted = createDeferred<never>();
      const onAbort = (): void => {
        if (signal) aborted.reject(cancellation(signal));
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      try {
        await Promise.race([
          connection.write(bytes, options.end ?? false),
          aborted.promise,
          untilEnded(closed.promise),
        ]);
      } finally {
        signal?.removeEventListener('abort', onAbort);
      }
      if (ended) throw ended;
    },
    async read({ max = READ_BYTES, signal } = {}) {
      if (ended) throw ended;
      if (reading) throw new LabError('call.invalid', 'A read waits already.');
      const controller = new AbortController();
      reading = controller;
      const onAbort = (): void => controller.abort(signal ? cancellation(signal) : undefined);
      if (signal?.aborted) onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      try {
        const { bytes, end: isEnd } = await connection.read({ max, signal: controller.signal });
        return { bytes, end: isEnd };
      } finally {
        reading = undefined;
        signal?.removeEventListener('abort', onAbort);
      }
    },
    control: {
      async clear() {
        if (ended) throw ended;
        clears++;
        reading?.abort(new LabError('transport.timeout', 'The device was cleared.'));
        connection.clear();
      },
      async statusByte() {
        return connection.serialPoll();
      },
      async trigger() {
        connection.trigger();
      },
    },
    async [Symbol.asyncDispose]() {
      end('The connection was closed here.');
    },
  };
}

function untilEnded(closed: Promise<{ code: ErrorCode; message: string }>): Promise<never> {
  return closed.then(({ code, message }) => {
    throw new LabError(code, message);
  });
}
