import { spawn } from 'node:child_process';

/** Opens an address in the person's browser, or says why it cannot; never throws. */
export function openBrowser(url: string, say: (text: string) => void): void {
  const [program, args] = opener(url);
  const child = spawn(program, args, { stdio: 'ignore', detached: true });
  child.on('error', () => say(`No browser could be opened (${program} is missing). Open the address yourself.`));
  child.on('exit', (code) => {
    if (code) say(`${program} could not open a browser (code ${code}). Open the address yourself.`);
  });
  child.unref();
}

function opener(url: string): [program: string, args: string[]] {
  if (process.platform === 'darwin') return ['open', [url]];
  // Not through cmd, which would read & and % in the address.
  if (process.platform === 'win32') return ['rundll32', ['url.dll,FileProtocolHandler', url]];
  return ['xdg-open', [url]];
}
