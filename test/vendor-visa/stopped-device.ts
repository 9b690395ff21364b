import { createDeferred, type Deferred } from '../../src/core/deferred.ts';
import type { MessageDevice } from '../../src/simulator/wire/message-device.ts';
import { show } from '../conformance/message-suite.ts';
import { createTestDevice } from '../conformance/test-device.ts';

export interface Stopper {
  /** The next message is taken in only when told so; resolves when it has come. */
  stop(): Promise<void>;
  goOn(): void;
  /** Messages taken in, and clears, in their order. */
  readonly order: string[];
}

/** Echoes; takes in one message late. */
export function createStoppedDevice(): { device: MessageDevice & { errors: number[] }; stopper: Stopper } {
  const inner = createTestDevice();
  const order: string[] = [];
  let stop: { begun: Deferred<void>; end: Deferred<void> } | undefined;
  const device = {
    idn: inner.idn,
    errors: inner.errors,
    connect(cut: () => void) {
      const connection = inner.connect(cut);
      return Object.assign(Object.create(connection), {
        async write(bytes: Uint8Array, end: boolean) {
          const copy = bytes.slice();
          stop?.begun.resolve();
          await stop?.end.promise;
          order.push(show(copy));
          await connection.write(copy, end);
        },
        clear() {
          order.push('clear');
          connection.clear();
        },
      });
    },
  };
  const stopper: Stopper = {
    order,
    stop() {
      stop = { begun: createDeferred<void>(), end: createDeferred<void>() };
      return stop.begun.promise;
    },
    goOn() {
      stop?.end.resolve();
      stop = undefined;
    },
  };
  return { device, stopper };
}
