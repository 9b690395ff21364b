import { LabError } from '../core/errors.ts';
import { Scope } from '../core/scope.ts';
import { isAlive } from '../engine/state/data-folder.ts';
import { openBrowser } from './browser.ts';
import type { Arguments, Shell } from './command.ts';
import { dataFolderOf } from './data-folder.ts';
import { EngineHost } from './engine-host.ts';
import { EXIT } from './exit-code.ts';
import { NodeServices } from './node-services.ts';
import { findRunningEngine } from './running-engine.ts';
import { shareBench } from './share-bench.ts';
import { aborted } from './stop.ts';

const LAUNCHER_CHECK_MS = 500;

/**
 * Serves the page until stopped: this process is the host, the engine is a child of it. Where an engine runs on the data folder already its
 * page is printed and opened instead. Throws engine.port-in-use, engine.folder-in-use, engine.not-built, engine.gone.
 */
export async function serveHost(args: Arguments, shell: Shell): Promise<number> {
  const port = args.whole('port', 0, 65_535) ?? 0;
  const dataFolder = dataFolderOf(args.text('data'));
  if (await showRunning(dataFolder, args, shell)) return EXIT.done;
  const { engineChild: entry, hub, simulator, version } = shell.files;
  await using scope = new Scope('browser host');
  const services = scope.use(new NodeServices(simulator));
  const engine = scope.use(new EngineHost({ entry, hub, dataFolder, version, port, services, say: shell.say }));
  try {
    await engine.start(shell.signal);
  } catch (error) {
    // Another one was quicker by moments: it is the one to show.
    const isTaken = error instanceof LabError && error.code === 'engine.folder-in-use';
    if (isTaken && (await showRunning(dataFolder, args, shell))) return EXIT.done;
    throw error;
  }
  await show(engine.pageUrl, args, shell);
  if (args.flag('share')) await shareBench(dataFolder, args, shell);
  shell.say(`Serving ${dataFolder}; Ctrl-C ends it.`);
  await Promise.race([aborted(shell.signal), launcherGone(scope), engine.ended]);
  return EXIT.done;
}

async function showRunning(dataFolder: string, args: Arguments, shell: Shell): Promise<boolean> {
  const running = await findRunningEngine(dataFolder, 'command line', shell.signal);
  if (!running) return false;
  running.client[Symbol.dispose]();
  if (args.flag('share')) await shareBench(dataFolder, args, shell);
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
