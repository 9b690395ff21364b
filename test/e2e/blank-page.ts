import { CONTRACT_VERSION } from '../../src/contract/calls.ts';
import type { App } from './launch.ts';

/** Shows a page of ours that holds nothing, so that a test speaks to the preload with no app beside it. */
export async function showBlankPage(app: App): Promise<void> {
  await app.main(({ BrowserWindow }) =>
    BrowserWindow.getAllWindows()[0]!.webContents.loadURL('app://bundle/none.html'),
  );
  await app.page.waitForFunction(() => location.pathname === '/none.html' && window.labwireShell !== undefined);
}

/**
 * Asks for a port to the engine in the page and greets over it: what the engine answered, as text.
 */
export async function greetEngine(app: App): Promise<string> {
  return await app.page.evaluate(
    (contract) =>
      new Promise<string>((resolve) => {
        addEventListener('message', function take(event) {
          const port = event.ports[0];
          if (!port) return;
          removeEventListener('message', take);
          port.addEventListener('message', ({ data }) => typeof data === 'string' && resolve(data), { once: true });
          port.start();
          const input = { contract, screen: 'end-to-end suite' };
          port.postMessage(JSON.stringify({ type: 'request', id: 1, call: 'engine.hello', input }));
        });
        window.labwireShell?.connect();
      }),
    CONTRACT_VERSION,
  );
}

/** Process id of the running engine, undefined while there is none. */
export async function enginePid(app: App): Promise<number | undefined> {
  return await app.main(
    ({ app: electronApp }) => electronApp.getAppMetrics().find((metric) => metric.name === 'Labwire engine')?.pid,
  );
}
