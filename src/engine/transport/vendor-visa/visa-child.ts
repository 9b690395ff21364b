/**
 * The process that holds the vendor's VISA library: a crash of the library ends this process and nothing else. It is forked by Node, or is a
 * utility process of Electron; when the other side is gone, it ends.
 */
import { VisaDesk, VisaFailure } from './visa-desk.ts';
import { type VisaAnswer, visaRequest } from './visa-messages.ts';

/** The part of Electron's `process.parentPort` used here. */
interface ParentPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { data: unknown }) => void): void;
}

const parentPort = (process as { parentPort?: ParentPort }).parentPort;
const desk = new VisaDesk();

function say(answer: VisaAnswer): void {
  if (parentPort) parentPort.postMessage(answer);
  else if (process.connected) process.send?.(answer, () => {});
}

async function take(message: unknown): Promise<void> {
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

if (parentPort) parentPort.on('message', ({ data }) => void take(data));
else {
  process.on('message', (message) => void take(message));
  // A read that waits in the library would hold the process for a slice: nobody needs it any more.
  process.on('disconnect', () => process.exit(0));
}
