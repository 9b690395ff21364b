/**
 * The process that holds the vendor's VISA library: a crash of the library ends this process and nothing else. It is forked by Node, which speaks over the IPC channel, or
 * is a utility process of Electron, whose shell hands over a port to the engine. When the other side is gone, it ends.
 */
import type { VisaPort } from './port-visa.ts';
import { VisaDesk } from './visa-desk.ts';
import { carryOutExchange, failedAnswer } from './visa-exchange.ts';
import { readVisaRequest } from './visa-hot-messages.ts';
import type { VisaAnswer } from './visa-messages.ts';

/** The part of Electron's `process.parentPort` used here. */
interface ParentPort {
  once(event: 'message', listener: (event: { ports: VisaPort[] }) => void): void;
}

type Say = (answer: VisaAnswer) => void;

const parentPort = (process as { parentPort?: ParentPort }).parentPort;
const desk = new VisaDesk();

async function take(message: unknown, say: Say): Promise<void> {
  const asked = readVisaRequest(message);
  if (!asked) {
    const id = typeof message === 'object' && message !== null && 'id' in message ? Number(message.id) : 0;
    say({ kind: 'failed', id: Number.isInteger(id) ? id : 0, text: 'the request is not understood' });
    return;
  }
  const { id, request } = asked;
  if (request.call === 'write' && request.answer) {
    await carryOutExchange(desk, { id, write: request, answer: request.answer }, say);
    return;
  }
  try {
    say({ kind: 'done', id, value: await desk.carryOut(request) });
  } catch (error) {
    say(failedAnswer(id, error));
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
