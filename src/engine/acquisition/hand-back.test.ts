import { expect, test } from 'vitest';
import { openLab } from '../../../test/lab/lab.ts';
import type { Clock } from '../../core/clock.ts';
import { createSystemClock } from '../system-clock.ts';

/** The system's clock, and the timers of `ms` that were asked for and neither fired nor were put away. */
function watchedClock(ms: number): { clock: Clock; asked: () => number; left: () => number } {
  const system = createSystemClock();
  const running = new Set<object>();
  let asked = 0;
  return {
    asked: () => asked,
    left: () => running.size,
    clock: {
      nowNs: () => system.nowNs(),
      monotonicMs: () => system.monotonicMs(),
      after(delayMs, callback) {
        const own = {};
        const timer = system.after(delayMs, () => {
          running.delete(own);
          callback();
        });
        if (delayMs === ms) {
          asked++;
          running.add(own);
        }
        return {
          [Symbol.dispose]() {
            running.delete(own);
            timer[Symbol.dispose]();
          },
        };
      },
    },
  };
}

test('handing the front panel back leaves no timer behind', async () => {
  const { clock, asked, left } = watchedClock(1500);
  await using lab = await openLab({ usePtys: false, clock });
  const screen = await lab.screen();
  await screen.client.call('settings.set', { localOnDetach: true });
  const instrument = await screen.attach(lab.resource('meter'));
  await screen.client.call('instrument.close', { instrument });
  expect(asked()).toBe(1);
  expect(left()).toBe(0);
});
