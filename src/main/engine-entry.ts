import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { type FromEngine, toEngine } from '../contract/host-messages.ts';
import type { Link } from '../contract/link.ts';
import { createPortLink } from '../contract/port-link.ts';
import { LabError } from '../core/errors.ts';
import { Scope } from '../core/scope.ts';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/engine.ts';
import { openListener } from '../engine/listener/listener.ts';
import { ParentServices } from '../engine/parent-services.ts';
import { portVisaChild } from '../engine/transport/vendor-visa/port-visa.ts';
import { startVisaWith } from '../engine/transport/vendor-visa/visa-host.ts';

// The engine's process: the only file of this folder that imports the engine.

const parent = process.parentPort;
const send = (message: FromEngine): void => parent.postMessage(message);
const services = new ParentServices({ host: 'electron', unavailable: {} }, send);
// A program packed for the desktop forks no Node (its fuse `runAsNode` is off); only the shell can start a process.
startVisaWith(() => portVisaChild(services.startVisa()));
const { values } = parseArgs({
  options: { data: { type: 'string', default: '' }, version: { type: 'string', default: '' } },
  // Chromium adds switches of its own.
  strict: false,
});

const ALL_RIGHTS = ['view', 'control', 'manage'] as const;
const dataFolder = String(values.data);
const opening = openEngine({
  dataFolder,
  host: services,
  version: String(values.version),
  exportWorker: pathToFileURL(join(import.meta.dirname, 'export-worker.js')),
});
const doors = new Scope('desktop engine');

/** One screen too many has been told by its link; it must not end the engine. */
function serve(engine: Engine, link: Link, trusted: boolean): void {
  try {
    engine.serve(link, { rights: ALL_RIGHTS, trusted });
  } catch (error) {
    console.error(`labwire: a screen was refused: ${LabError.from(error).message}`);
  }
}

/** The command line and browsers of this machine reach the engine too: on loopback, with the token of engine.json. */
async function listen(engine: Engine): Promise<void> {
  const listener = doors.use(
    await openListener({
      port: 0,
      pageFolder: join(import.meta.dirname, '..', 'renderer'),
      exportsFolder: join(dataFolder, 'exports'),
      // Who has the token may do anything here; the hub is one of them.
      onScreen: (link) => serve(engine, link, true),
    }),
  );
  await engine.announce({ url: listener.url, token: listener.token });
}

async function close(): Promise<void> {
  try {
    const engine = await opening;
    await doors[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
    process.exit(0);
  } catch (error) {
    console.error(`labwire: the engine did not close cleanly: ${LabError.from(error).message}`);
    process.exit(1);
  }
}

parent.on('message', ({ data, ports }) => {
  const parsed = toEngine.safeParse(data);
  if (!parsed.success) {
    console.error('labwire: the engine got a message from its host that it does not know. Build again.');
    return;
  }
  const message = parsed.data;
  if (message.kind === 'close') void close();
  else if (message.kind === 'connect') {
    const port = ports[0];
    if (!port) return;
    const link = createPortLink(port);
    opening.then(
      (engine) => serve(engine, link, false),
      (error) => link.end(LabError.from(error).message),
    );
  } else services.take(message, ports[0]);
});

opening.then(
  async (engine) => {
    send({ kind: 'ready' });
    await listen(engine).catch((error) => {
      console.error(`labwire: only the window reaches this engine: ${LabError.from(error).message}`);
    });
  },
  (error) => send({ kind: 'failed', error: LabError.from(error).toJSON() }),
);
