import type { VisaChild } from './visa-process.ts';

/** The end of a channel to visa-child.ts: Electron's MessagePortMain, or anything that speaks like it. */
export interface VisaPort {
  postMessage(message: unknown): void;
  start(): void;
  close(): void;
  on(event: 'message', listener: (event: { data: unknown }) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
}

/** Who started the process says how it ended only to itself; here the channel closes. */
const CHANNEL_CLOSED = 'its process ended';

/**
 * A child that somebody else starts: the shell of the desktop, asked for by `opening`. What is sent before the channel is there waits for it. Closing the channel
 * ends the child; a channel that closes, or never comes, is its end.
 */
export function portVisaChild(opening: Promise<VisaPort>): VisaChild {
  let isOver = false;
  let onExit: (how: string) => void = () => {};
  let onMessage: (message: unknown) => void = () => {};
  const finish = (how: string): void => {
    if (isOver) return;
    isOver = true;
    onExit(how);
  };
  const ready = opening.then(
    (port) => {
      port.on('message', ({ data }) => onMessage(data));
      port.on('close', () => finish(CHANNEL_CLOSED));
      port.start();
      if (isOver) port.close();
      return port;
    },
    (error: unknown) => {
      finish(error instanceof Error ? error.message : String(error));
      return undefined;
    },
  );
  return {
    send: (message) => void ready.then((port) => (isOver ? undefined : port?.postMessage(message))),
    onMessage: (listener) => {
      onMessage = listener;
    },
    onExit: (listener) => {
      onExit = listener;
    },
    kill() {
      isOver = true;
      void ready.then((port) => port?.close());
    },
  };
}
