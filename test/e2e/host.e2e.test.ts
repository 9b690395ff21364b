import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { showBlankPage } from './blank-page.ts';
import type { App } from './launch.ts';
import { isElectron, launch } from './launch.ts';

let app: App;
beforeAll(async () => {
  app = await launch();
});
afterAll(async () => {
  expect(await app.close()).toBe(0);
});

const pageUrl = (): Promise<string> =>
  app.main(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.webContents.getURL());

test('one window shows our page', async () => {
  expect(await app.page.title()).toContain('Labwire');
  expect(await app.main(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1);
  expect(await pageUrl()).toMatch(/^app:\/\/bundle\/index\.html/);
});

test('the page gets verbs, and nothing of Node or Electron', async () => {
  const seen = await app.page.evaluate(() => ({
    shell: Object.keys(window.labwireShell ?? {}).sort(),
    version: window.labwireShell?.version,
    platform: window.labwireShell?.platform,
    leaked: ['require', 'process', 'Buffer', 'module', 'ipcRenderer', 'electron'].filter((name) => name in globalThis),
  }));
  expect(seen).toEqual({
    shell: ['chooseFile', 'connect', 'openFolder', 'platform', 'reveal', 'version'],
    version: await app.main(({ app: electronApp }) => electronApp.getVersion()),
    platform: process.platform,
    leaked: [],
  });
});

test('the policy holds: no inline script, no eval, no connection, no frame', async () => {
  await showBlankPage(app);
  const seen = await app.page.evaluate(async () => {
    const violated = new Set<string>();
    const all = new Promise<void>((done) => {
      document.addEventListener('securitypolicyviolation', (event) => {
        violated.add(event.effectiveDirective);
        if (violated.size === 3) done();
      });
    });
    const script = document.createElement('script');
    script.textContent = 'globalThis.inlineRan = true';
    document.body.append(script);
    const attempt = async (work: () => unknown): Promise<boolean> => {
      try {
        await work();
        return true;
      } catch {
        return false;
      }
    };
    const connected = await attempt(() => fetch('https://example.invalid/'));
    const ownConnected = await attempt(() => fetch('/index.html'));
    const frame = document.createElement('iframe');
    frame.src = '/index.html';
    document.body.append(frame);
    await all;
    return { inline: 'inlineRan' in globalThis, connected, ownConnected, violated: [...violated].sort() };
  });
  expect(seen).toEqual({
    inline: false,
    connected: false,
    ownConnected: false,
    violated: ['connect-src', 'frame-src', 'script-src-elem'],
  });
});

test('the page cannot leave, open windows or get permissions', async () => {
  await showBlankPage(app);
  await app.page.evaluate(() => {
    location.href = 'https://example.invalid/';
  });
  await app.page.evaluate(() => window.open('https://example.invalid/'));
  // The test host cannot ask main's handlers: see its README.
  const state = await app.page.evaluate(async () => (await navigator.permissions.query({ name: 'geolocation' })).state);
  if (isElectron) expect(state).toBe('denied');
  expect(await pageUrl()).toBe('app://bundle/none.html');
  expect(await app.main(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1);
});

test('a path that is no folder, no path or no file is refused', async () => {
  await showBlankPage(app);
  const reasons = await app.page.evaluate(async () => {
    const reasonOf = async (work: Promise<unknown> | undefined): Promise<string> => {
      try {
        await work;
        return 'allowed';
      } catch (error) {
        return String(error);
      }
    };
    const shell = window.labwireShell;
    return [
      await reasonOf(shell?.reveal('relative/path')),
      await reasonOf(shell?.reveal(5 as never)),
      await reasonOf(shell?.openFolder('/none/such')),
      await reasonOf(shell?.chooseFile({ kind: 'anything' as never, title: '' })),
    ];
  });
  expect(reasons).toEqual([
    expect.stringContaining('not an absolute path'),
    expect.stringContaining('not an absolute path'),
    expect.stringContaining('ENOENT'),
    expect.stringContaining('open, save or folder'),
  ]);
});

test('a file dialog gives the path, or null when it is cancelled', async () => {
  await showBlankPage(app);
  await app.main(({ dialog }) => {
    dialog.showSaveDialog = (async (_window: unknown, options: { defaultPath: string }) => ({
      canceled: false,
      filePath: `/tmp/${options.defaultPath}`,
    })) as never;
    dialog.showOpenDialog = (async () => ({ canceled: true, filePaths: [] })) as never;
  });
  const chosen = await app.page.evaluate(async () => [
    await window.labwireShell?.chooseFile({ kind: 'save', title: 'Export', defaultName: 'run.csv' }),
    await window.labwireShell?.chooseFile({ kind: 'open', title: 'Open' }),
  ]);
  expect(chosen).toEqual(['/tmp/run.csv', null]);
});

test('a foreign page in a window with our preload gets no answer and no port', async () => {
  const reason = await app.main(
    async ({ BrowserWindow }, preload) => {
      const window = new BrowserWindow({
        show: false,
        webPreferences: {
          preload,
          contextIsolation: true,
          sandbox: true,
        },
      });
      await window.loadURL('data:text/html,<title>foreign</title>');
      const result: unknown = await window.webContents.executeJavaScript(`new Promise((resolve) => {
      addEventListener('message', (event) => event.ports[0] && resolve('a port'));
      labwireShell.connect();
      labwireShell.reveal('/tmp').then(() => resolve('revealed'), (error) => resolve(String(error)));
    })`);
      window.destroy();
      return result;
    },
    join(import.meta.dirname, '../../out/preload/index.cjs'),
  );
  expect(reason).toContain('Refused: this frame is not Labwire.');
});

test('a page that crashed is loaded again', async () => {
  await app.main(async ({ BrowserWindow }) => {
    const contents = BrowserWindow.getAllWindows()[0]!.webContents;
    const loaded = new Promise<void>((done) => contents.once('did-finish-load', () => done()));
    contents.forcefullyCrashRenderer();
    await loaded;
  });
  expect(await pageUrl()).toMatch(/^app:\/\/bundle\/index\.html/);
  const version = await app.main(({ BrowserWindow }) =>
    BrowserWindow.getAllWindows()[0]!.webContents.executeJavaScript('labwireShell.version'),
  );
  expect(version).toMatch(/^\d+\.\d+\.\d+/);
});
