import { join } from 'node:path';
import type { Link } from '../contract/link.ts';
import { LabError } from '../core/errors.ts';
import { Scope } from '../core/scope.ts';
import type { Engine } from '../engine/engine.ts';
import { openListener } from '../engine/listener/listener.ts';
import { isAlive } from '../engine/state/data-folder.ts';
import { openBrowser } from './browser.ts';
import type { Arguments, Shell } from './command.ts';
import { dataFolderOf } from './data-folder.ts';
import { EXIT } from './exit-code.ts';
import { NodeServices } from './node-services.ts';
import { findRunningEngine } from './running-engine.ts';
import { ALL_RIGHTS } from './screen.ts';
import { aborted } from './stop.ts';

const LAUNCHER_CHECK_MS = 500;

/**
 * Serves the page until stopped. Where an engine runs on the data folder already its page is printed and opened instead.
 * Throws engine.port-in-use, engine.folder-in-use, engine.not-built.
 */
export async function serveHost(args: Arguments, shell: Shell): Promise<number> {
  const port = args.whole('port', 0, 65_535) ?? 0;
  const dataFolder = dataFolderOf(args.text('data'));
  if (await showRunning(dataFolder, args, shell)) return EXIT.done;
  await using scope = new Scope('browser host');
  const { engine, pageUrl } = await open(scope, dataFolder, port, shell).catch(async (error: unknown) => {
    if (!(error instanceof LabError) || error.code !== 'engine.folder-in-use') throw error;
    // Another one was quicker by moments: it is the one to show.
    if (await showRunning(dataFolder, args, shell)) return { engine: undefined, pageUrl: '' };
    throw error;
  });
  if (!engine) return EXIT.done;
  await show(pageUrl, args, shell);
  shell.say(`Serving ${dataFolder}; Ctrl-C ends it.`);
  await Promise.race([aborted(shell.signal), launcherGone(scope)]);
  if (engine.isRecording) shell.say('Finishing the recording.');
  return EXIT.done;
}

async function open(
  scope: Scope,
  dataFolder: string,
  port: number,
  shell: Shell,
): Promise<{ engine: Engine; pageUrl: string }> {
  const { pageFolder, simulator, version, exportWorker } = shell.files;
  // Before the engine, so that a port in use is said before any instrument is touched. Its screens come with the token, which
  // nobody has before the engine stands.
  let engine: Engine | undefined;
  const host = scope.use(new NodeServices(simulator));
  const doors = new Scope('listener');
  try {
    const listener = doors.use(
      await openListener({
        port,
        pageFolder,
        exportsFolder: join(dataFolder, 'exports'),
        onScreen: (link: Link) => engine?.serve(link, { rights: ALL_RIGHTS }),
      }),
    );
    const { openEngine } = await import('../engine/engine.ts');
    engine = scope.use(await openEngine({ dataFolder, host, version, exportWorker }));
    await engine.announce({ url: listener.url, token: listener.token });
    return { engine, pageUrl: listener.pageUrl };
  } finally {
    // The door closes before the engine does; without an engine at once.
    if (engine) scope.use(doors);
    else await doors[Symbol.asyncDispose]();
  }
}

async function showRunning(dataFolder: string, args: Arguments, shell: Shell): Promise<boolean> {
  const running = await findRunningEngine(dataFolder, 'command line', shell.signal);
  if (!running) return false;
  running.client[Symbol.dispose]();
  shell.say(`Labwire runs already on ${dataFolder} (process ${running.pid}); this is its page.`);
  await show(running.pageUrl, args, shell);
  return true;
}

async function show(pageUrl: string, args: Arguments, shell: Shell): Promise<void> {
  if (args.flag('json')) await shell.out.json({ url: pageUrl });
  else await shell.out.line(`Labwire: ${pageUrl}`);
  if (!args.flag('no-open')) openBrowser(pageUrl, shell.say);
}

/** Started by `npm start` it ends with it: resolves when the launcher has gone, and never without one. */
function launcherGone(scope: Scope): Promise<void> {
  const launcher = Number(process.env.LABWIRE_LAUNCHER_PID);
  return new Promise((resolve) => {
    if (!Number.isInteger(launcher) || launcher <= 1) return;
    const timer = setInterval(() => {
      if (!isAlive(launcher)) resolve();
    }, LAUNCHER_CHECK_MS);
    scope.defer(() => clearInterval(timer));
  });
}
