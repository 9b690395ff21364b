import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/**
 * The data folder: the one named (`--data DIR`, absolute against `cwd`), else the desktop app's own, so that the command line finds a
 * running Labwire: Electron's appData, `Labwire/lab`.
 */
export function dataFolderOf(
  named: string | undefined,
  platform: NodeJS.Platform = process.platform,
  env: NodeJS.ProcessEnv = process.env,
): string {
  if (named !== undefined) return resolve(named);
  return join(appData(platform, env), 'Labwire', 'lab');
}

function appData(platform: NodeJS.Platform, env: NodeJS.ProcessEnv): string {
  const home = homedir();
  if (platform === 'win32') return env.APPDATA ?? join(home, 'AppData', 'Roaming');
  if (platform === 'darwin') return join(home, 'Library', 'Application Support');
  return env.XDG_CONFIG_HOME || join(home, '.config');
}
