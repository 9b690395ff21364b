// The stand-in executable: electron <app folder> [arguments]. Starts Chromium, imports the app's main, then is ready.
import { readFileSync } from 'node:fs';
import { register } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { appShim } from './app.ts';
import { setWindowHost } from './browser-window.ts';
import { openChromium } from './chromium.ts';
import type { FromHost, ToHost } from './launch-messages.ts';
import * as electron from './shim.ts';
import { missingMembers } from './strict.ts';
import { endUtilityProcesses } from './utility-process.ts';

const SHIM = pathToFileURL(join(import.meta.dirname, 'shim.mjs')).href;
const HOOK = `export async function resolve(specifier, context, next) {
  return specifier === 'electron' ? { url: ${JSON.stringify(SHIM)}, shortCircuit: true } : next(specifier, context);
}`;

function tell(message: FromHost): void {
  if (process.connected) process.send?.(message);
}

async function evaluate({ id, source, argument }: ToHost): Promise<void> {
  try {
    // biome-ignore lint/security/noGlobalEval: the test's own function, as Playwright does it.
    const run: unknown = globalThis.eval(`(${source})`);
    if (typeof run !== 'function') throw new Error('main() takes a function.');
    tell({ kind: 'result', id, value: await run(electron, argument) });
  } catch (error) {
    tell({ kind: 'result', id, error: error instanceof Error ? error.message : String(error) });
  }
}

const root = resolve(process.argv[2] ?? '.');
appShim.root = root;
// As Electron started with a folder: [executable, folder, ...arguments].
process.argv.splice(1, 1);
const chromium = await openChromium();
appShim.closeBrowser = () => chromium.close();
await chromium.cdp.send('Target.setDiscoverTargets', { discover: true });
setWindowHost({
  chromium,
  scripts: {
    isolated: readFileSync(join(import.meta.dirname, 'isolated-world.js'), 'utf8'),
    main: readFileSync(join(import.meta.dirname, 'main-world.js'), 'utf8'),
  },
  processOfPage: { platform: process.platform, versions: process.versions, env: {}, sandboxed: true },
  created: (contents) => {
    appShim.emit('web-contents-created', {}, contents);
    contents.on('destroyed', () => undefined);
  },
  allClosed: () => appShim.allWindowsClosed(),
});
process.on('exit', () => {
  endUtilityProcesses();
  for (const name of missingMembers()) console.error(`chromium-host: asked for ${name}, which is not here`);
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => appShim.quit());
process.on('message', (message: ToHost) => void evaluate(message));
process.on('disconnect', () => appShim.exit(1));
tell({ kind: 'browser', endpoint: chromium.endpoint });

register(`data:text/javascript,${encodeURIComponent(HOOK)}`);
const { main } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { main: string };
await import(pathToFileURL(join(root, main)).href);
appShim.begin();
