import { LabError } from '../core/errors.ts';
import type { FromEngine, ToEngine } from './engine-messages.ts';
import { ParentServices } from './parent-services.ts';

// The engine's process. The only file of this folder that imports the engine.

const port = process.parentPort;
const send = (message: FromEngine): void => port.postMessage(message);
const services = new ParentServices(send);

port.on('message', ({ data, ports }) => {
  const message = data as ToEngine;
  if (message.kind === 'connect') {
    const page = ports[0];
    page?.on('message', (event) => page.postMessage(event.data));
    page?.start();
  } else if (message.kind === 'close') process.exit(0);
  else services.take(message);
});
void LabError;
send({ kind: 'ready' });
