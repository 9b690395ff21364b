/**
 * The engine of `labwire serve`, in a process of its own: forked by engine-host.ts, which starts it again when it dies. What is said between
 * the two is in contract/host-messages.ts. When the host is gone, however it went, it finishes the recording and ends.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { FromEngine, ToEngine } from '../contract/host-messages.ts';
import { toEngine } from '../contract/host-messages.ts';
import type { Link } from '../contract/link.ts';
import { LabError } from '../core/errors.ts';
import { Scope } from '../core/scope.ts';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/engine.ts';
import { openListener } from '../engine/listener/listener.ts';
import { ParentServices } from '../engine/parent-services.ts';
import { ALL_RIGHTS } from './screen.ts';

const { values } = parseArgs({ options: { data: { type: 'string' }, version: { type: 'string' } } });
const scope = new Scope('engine process');
let engine: Engine | undefined;
let services: ParentServices | undefined;
let opening: Promise<void> | undefined;
let isClosing = false;

function send(message: FromEngine): void {
  // A host that has just gone is told of by 'disconnect'.
  if (process.connected) process.send?.(message, () => {});
}

function say(text: string): void {
  process.stderr.write(`labwire: ${text}\n`);
}

async function open({ port, token, unavailable }: Extract<ToEngine, { kind: 'open' }>): Promise<void> {
  const dataFolder = values.data ?? '';
  services = new ParentServices({ host: 'node', unavailable }, send);
  const doors = new Scope('listener');
  try {
    // Before the engine, so that a port in use is said before any instrument is touched. A page of a former engine that is quicker than
    // this one tries again.
    const listener = doors.use(
      await openListener({
        port,
        token,
        pageFolder: join(import.meta.dirname, '..', 'renderer'),
        exportsFolder: join(dataFolder, 'exports'),
        onScreen: (link: Link) => {
          if (engine) engine.serve(link, { rights: ALL_RIGHTS, trusted: true });
          else link.end('The engine is starting.');
        },
      }),
    );
    engine = scope.use(
      await openEngine({
        dataFolder,
        host: services,
        version: values.version ?? '',
        exportWorker: pathToFileURL(join(import.meta.dirname, 'export-worker.js')),
      }),
    );
    await engine.announce({ url: listener.url, token: listener.token });
    send({ kind: 'ready', url: listener.url });
  } finally {
    // The door closes before the engine does; without an engine at once.
    if (engine) scope.use(doors);
    else await doors[Symbol.asyncDispose]();
  }
}

/** Finishes the recording, lets go of the instruments, ends. Exit code 0 means: in order, because it was asked to. */
async function close(): Promise<void> {
  if (isClosing) return;
  isClosing = true;
  try {
    await opening?.catch(() => {});
    if (engine?.isRecording) say('Finishing the recording.');
    await scope[Symbol.asyncDispose]();
    process.exit(0);
  } catch (error) {
    say(`The engine did not close cleanly: ${LabError.from(error).message}`);
    process.exit(1);
  }
}

function take(message: ToEngine): void {
  if (message.kind === 'close') void close();
  else if (message.kind === 'open') {
    opening ??= open(message);
    // The host answers with 'close'.
    opening.catch((error: unknown) => send({ kind: 'failed', error: LabError.from(error).toJSON() }));
  } else services?.take(message);
}

process.on('message', (data) => {
  const parsed = toEngine.safeParse(data);
  if (parsed.success) take(parsed.data);
  else say('internal.failed: the engine got a message from its host that it does not know. Build again.');
});
process.on('disconnect', () => {
  services?.hostGone();
  void close();
});
// Ctrl-C is for the host, which then asks the engine to end (on Windows it reaches both); a signal to the engine alone is meant for it.
for (const name of ['SIGTERM', 'SIGHUP'] as const) process.on(name, () => void close());
process.on('SIGINT', () => {
  if (process.platform !== 'win32') void close();
});
// The host's stderr may end with it.
process.stderr.on('error', () => {});
