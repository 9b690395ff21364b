import { expect, it } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import type { TransportControl } from '../transport/transport.ts';
import type { Session } from './session.ts';
import { SrqListeners } from './srq-listeners.ts';

it('a listener added twice is two: taking one away leaves the other', async () => {
  let tell: ((statusByte: number | undefined) => void) | undefined;
  const control: TransportControl = {
    async onServiceRequest(listener) {
      tell = listener;
      return {
        async [Symbol.asyncDispose]() {
          tell = undefined;
        },
      };
    },
  };
  const session = {
    can: { serviceRequest: true },
    control: <T>(use: (control: TransportControl, signal: AbortSignal) => Promise<T>) =>
      use(control, new AbortController().signal),
  } as Pick<Session, 'control' | 'can'>;
  const listeners = new SrqListeners(session, new ManualClock());
  const heard: (number | undefined)[] = [];
  const listen = (statusByte: number | undefined): void => void heard.push(statusByte);
  const first = listeners.add(listen);
  const second = listeners.add(listen);
  await expect.poll(() => tell).toBeDefined();
  tell?.(64);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  tell?.(65);
  expect(heard).toEqual([64, 64, 65]);
  second[Symbol.dispose]();
  await expect.poll(() => tell).toBeUndefined();
});
