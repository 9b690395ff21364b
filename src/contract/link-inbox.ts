import type { LinkMessage } from './link.ts';

/** Messages kept for a listener that has not come yet. */
const MAX_WAITING = 1024;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** The receiving half that all links share: keeps what comes before the listener, bounded, and delivers it first and in order. */
export interface Inbox {
  listen(listener: (message: LinkMessage) => void): void;
  take(message: LinkMessage): void;
}

/** `overflow` is told once when more waits than is kept: the link must end, because a message would be lost. */
export function createInbox(overflow: (reason: string) => void): Inbox {
  let listener: ((message: LinkMessage) => void) | undefined;
  let waiting: LinkMessage[] = [];
  let waitingBytes = 0;
  let isDraining = false;

  function drain(to: (message: LinkMessage) => void): void {
    for (let message = waiting.shift(); message !== undefined; message = waiting.shift()) to(message);
    isDraining = false;
  }

  return {
    listen(next) {
      if (listener) throw new TypeError('A link has one listener; this one has it already.');
      listener = next;
      isDraining = true;
      // Later, so that nobody is called before `onMessage` has returned; what arrives meanwhile queues behind.
      queueMicrotask(() => drain(next));
    },
    take(message) {
      if (listener && !isDraining) {
        listener(message);
        return;
      }
      waiting.push(message);
      waitingBytes += typeof message === 'string' ? message.length : message.byteLength;
      if (waiting.length <= MAX_WAITING && waitingBytes <= MAX_WAITING_BYTES) return;
      waiting = [];
      overflow('Nobody read the link and its buffer is full.');
    },
  };
}
