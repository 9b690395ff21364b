import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { plugEvents } from './plug-events.ts';

it('tells until it is disposed, also when the bus is ready only after that', async () => {
  let plug = (): void => {};
  let ready: (watching: Disposable) => void = () => {};
  let ended = 0;
  const onChange = plugEvents((changed) => {
    plug = changed;
    return new Promise((resolve) => (ready = resolve));
  });
  let told = 0;
  const listening = onChange(() => told++);
  plug();
  expect(told).toBe(1);
  listening[Symbol.dispose]();
  listening[Symbol.dispose]();
  plug();
  expect(told).toBe(1);
  ready({ [Symbol.dispose]: () => ended++ });
  await turn();
  expect(ended).toBe(1);
});

it('a computer without USB is no error here: the search says it', async () => {
  const listening = plugEvents(() => Promise.reject(new Error('no USB')))(() => {});
  await turn();
  listening[Symbol.dispose]();
});
