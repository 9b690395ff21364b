// Runs in the page's own world before its scripts: builds what the preload exposes.
import type { CrossAnswer, CrossCall, Exposure } from './world-messages.ts';
import { ANSWER_EVENT, CALL_EVENT, EXPOSE_EVENT } from './world-messages.ts';

const promises = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
let lastId = 0;
let answer: CrossAnswer | undefined;

document.addEventListener(ANSWER_EVENT, (event) => {
  const settled = (event as CustomEvent<CrossAnswer>).detail;
  const promise = promises.get(settled.id);
  if (!promise) {
    answer = settled;
    return;
  }
  promises.delete(settled.id);
  if ('error' in settled) promise.reject(new Error(settled.error));
  else if ('value' in settled) promise.resolve(settled.value);
});

/** Calls across. The answer comes while the event is dispatched: a value, an error, or that a promise will settle later. */
function call(key: string, name: string, args: unknown[]): unknown {
  const id = ++lastId;
  answer = undefined;
  const detail: CrossCall = { id, key, name, args };
  document.dispatchEvent(new CustomEvent(CALL_EVENT, { detail }));
  const got = answer as CrossAnswer | undefined;
  if (!got) throw new Error(`The preload did not answer ${key}.${name}.`);
  if ('error' in got) throw new Error(got.error);
  if ('value' in got) return got.value;
  return new Promise((resolve, reject) => promises.set(id, { resolve, reject }));
}

document.addEventListener(EXPOSE_EVENT, (event) => {
  const { key, values, functions } = (event as CustomEvent<Exposure>).detail;
  const made: Record<string, unknown> = { ...values };
  for (const name of functions) made[name] = (...args: unknown[]) => call(key, name, args);
  Object.defineProperty(window, key, { value: Object.freeze(made), enumerable: true });
});
