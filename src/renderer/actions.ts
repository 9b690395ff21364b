import type { CallInput, CallName, CallOutput } from '../contract/calls.ts';
import type { Severity } from '../contract/value-schema.ts';
import { LabError } from '../core/errors.ts';
import { call } from './engine-link.ts';
import { createStore } from './store.ts';

/** A calm message of this screen, beside the notices of the engine. */
export interface Toast {
  id: number;
  severity: Severity | 'done';
  text: string;
  code?: string | undefined;
  action?: { label: string; run: () => void } | undefined;
}

const KEPT_TOASTS = 4;
const SHOWN_MS = 6000;
let nextId = 1;

export const toastStore = createStore<Toast[]>([]);

/** Shows a message; errors stay until closed, the others leave by themselves. */
export function toast(message: Omit<Toast, 'id'>): void {
  const id = nextId++;
  toastStore.update((list) =>
    [...list.filter((item) => item.text !== message.text), { ...message, id }].slice(-KEPT_TOASTS),
  );
  if (message.severity !== 'error' && message.severity !== 'critical') setTimeout(() => closeToast(id), SHOWN_MS);
}

export function closeToast(id: number): void {
  toastStore.update((list) => list.filter((item) => item.id !== id));
}

/** Shows an error as a message; a cancellation is no failure and shows nothing. */
export function showError(thrown: unknown): void {
  const error = LabError.from(thrown);
  if (!error.isCancelled) toast({ severity: 'error', text: error.message, code: error.code });
}

/** Calls the engine for a person; a failure is shown and gives undefined. */
export async function act<N extends CallName>(name: N, input: CallInput<N>): Promise<CallOutput<N> | undefined> {
  try {
    return await call(name, input);
  } catch (thrown) {
    showError(thrown);
    return undefined;
  }
}
