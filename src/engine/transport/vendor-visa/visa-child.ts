/**
 * The process that holds the vendor's VISA library: a crash of the library ends this process and nothing else. It is forked by Node, which speaks over the IPC channel, or
 * is a utility process of Electron, whose shell hands over a port to the engine. When the other side is gone, it ends.
 */
import type { VisaPort } from './port-visa.ts';
import { VisaDesk, VisaFailure } from './visa-desk.ts';
import { type VisaAnswer, visaRequest } from './visa-messages.ts';

/** The part of Electron's `process.parentPort` used here. */
interface ParentPort {
  once(event: 'message', listener: (event: { ports: VisaPort[] }) => void): void;
}

type Say = (answer: VisaAnswer) => void;

const parentPort = (process as { parentPort?: ParentPort }).parentPort;
const desk = new VisaDesk();

async function take(message: unknown, say: Say): Promise<void> {
  const parsed = visaRequest.safeParse(message);
  if (!parsed.success) {
    const id = typeof message === 'object' && message !== null && 'id' in message ? Number(message.id) : 0;
    say({ kind: 'failed', id: Number.isInteger(id) ? id : 0, text: 'the request is not understood' });
    return;
  }
  const { id, request } = parsed.data;
  try {
    say({ kind: 'done', id, value: await desk.carryOut(request) });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const status = error instanceof VisaFailure ? error.status : undefined;
    say({ kind: 'failed', id, text, ...(status === undefined ? {} : { status }) });
  }
}

// A read that waits in the library would hold the process for a slice: nobody needs it any more.
const end = (): never => process.exit(0);

if (parentPort) {
  parentPort.once('message', ({ ports: [port] }) => {
    if (!port) return end();
    port.on('message', ({ data }) => void take(data, (answer) => port.postMessage(answer)));
    port.on('close', end);
    port.start();
  });
} else {
  const say: Say = (answer) => {
    if (process.connected) process.send?.(answer, () => {});
  };
  process.on('message', (message) => void take(message, say));
  process.on('disconnect', end);
}
