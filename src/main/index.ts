import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { app } from 'electron';
import { registerAppScheme } from './app-protocol.ts';
import { dataFolderArgument } from './data-folder.ts';
import { Desktop } from './desktop.ts';
import { fencePages } from './page-fence.ts';

const named = dataFolderArgument(process.argv.slice(1), process.cwd());
// Another data folder is another Labwire: its own single instance, its own window state.
if (named !== undefined) app.setPath('userData', join(named, 'shell'));

if (!app.requestSingleInstanceLock()) {
  app.quit();
} else {
  app.enableSandbox();
  registerAppScheme();
  fencePages();
  // Electron is ready only after this module has run to its end, so nothing here may wait for it.
  void app.whenReady().then(() => {
    const dataFolder = named ?? join(app.getPath('userData'), 'lab');
    mkdirSync(dataFolder, { recursive: true });
    const desktop = new Desktop(join(import.meta.dirname, '..'), dataFolder);
    desktop.start();
    // Its arguments are not ours to trust: they only bring the window to the front.
    app.on('second-instance', () => desktop.showWindow());
  });
}
