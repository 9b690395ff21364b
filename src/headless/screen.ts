import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Right } from '../contract/calls.ts';
import type { Client } from '../contract/client.ts';
import { connect, greet } from '../contract/client.ts';
import { createMemoryLinks } from '../contract/memory-link.ts';
import { Scope } from '../core/scope.ts';
import type { Arguments, Shell } from './command.ts';
import { dataFolderOf } from './data-folder.ts';
import { NodeServices } from './node-services.ts';
import { findRunningEngine } from './running-engine.ts';

/** Rights of a screen of the person who runs the engine. */
export const ALL_RIGHTS: readonly Right[] = ['view', 'control', 'manage'];

/** A command's link to an engine; disposing ends what the command has opened. */
export interface Screen extends AsyncDisposable {
  readonly client: Client;
  /** The engine is the command's own and ends with it. */
  readonly isOwn: boolean;
  readonly scope: Scope;
}

/**
 * The engine that runs on the data folder, else one of the command's own, in this process. That one works in a folder of its own that is
 * removed afterwards: a command leaves no trace in the person's bench, and several may run side by side.
 */
export async function openScreen(args: Arguments, shell: Shell): Promise<Screen> {
  const scope = new Scope('command');
  try {
    const running = await findRunningEngine(dataFolderOf(args.text('data')), 'command line', shell.signal);
    const client = scope.use(running ? running.client : await openOwn(scope, shell));
    return { client, isOwn: !running, scope, [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose]() };
  } catch (error) {
    await scope[Symbol.asyncDispose]();
    throw error;
  }
}

async function openOwn(scope: Scope, shell: Shell): Promise<Client> {
  // Here, because most of the program hangs on it and half of the commands never need it.
  const { openEngine } = await import('../engine/engine.ts');
  const dataFolder = await mkdtemp(join(tmpdir(), 'labwire-'));
  scope.defer(() => rm(dataFolder, { recursive: true, force: true }));
  // It is gone with the command: nothing of it is worth keeping.
  await writeFile(join(dataFolder, 'settings.json'), JSON.stringify({ flight: false, startSimulator: false }));
  const host = scope.use(new NodeServices(undefined));
  const { version, exportWorker } = shell.files;
  const engine = scope.use(await openEngine({ dataFolder, host, version, exportWorker }));
  const [ours, theirs] = createMemoryLinks(setImmediate);
  engine.serve(theirs, { rights: ALL_RIGHTS });
  const client = connect(ours);
  await greet(client, 'command line');
  return client;
}
