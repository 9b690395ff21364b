import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { PortLike } from '../contract/port-link.ts';
import { createPortLink } from '../contract/port-link.ts';
import { LabError } from '../core/errors.ts';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/engine.ts';
import type { FromEngine, ToEngine } from './engine-messages.ts';
import { ParentServices } from './parent-services.ts';

// The engine's process: the only file of this folder that imports the engine.

const parent = process.parentPort;
const send = (message: FromEngine): void => parent.postMessage(message);
const services = new ParentServices(send);
const { values } = parseArgs({
  options: { data: { type: 'string', default: '' }, version: { type: 'string', default: '' } },
  // Chromium adds switches of its own.
  strict: false,
});

const opening = openEngine({
  dataFolder: String(values.data),
  host: services,
  version: String(values.version),
  exportWorker: pathToFileURL(join(import.meta.dirname, 'export-worker.js')),
});

/** A window's page may do everything: it is this desk. */
function serveWindow(engine: Engine, port: PortLike): void {
  engine.serve(createPortLink(port), { rights: ['view', 'control', 'manage'] });
}

async function close(): Promise<void> {
  try {
    const engine = await opening;
    await engine[Symbol.asyncDispose]();
    process.exit(0);
  } catch (error) {
    console.error(`labwire: the engine did not close cleanly: ${LabError.from(error).message}`);
    process.exit(1);
  }
}

parent.on('message', ({ data, ports }) => {
  const message = data as ToEngine;
  if (message.kind === 'close') void close();
  else if (message.kind === 'connect') {
    const port = ports[0];
    if (port) void opening.then((engine) => serveWindow(engine, port)).catch(() => port.close());
  } else services.take(message);
});

opening.then(
  () => send({ kind: 'ready' }),
  (error) => send({ kind: 'failed', error: LabError.from(error).toJSON() }),
);
