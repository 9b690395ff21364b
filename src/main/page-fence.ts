import type { Session, WebContents } from 'electron';
import { app, shell } from 'electron';
import { isTrustedSender } from './trusted-sender.ts';

/** Hosts whose https pages may open in the user's browser. */
const OUTSIDE_HOSTS: ReadonlySet<string> = new Set(['github.com', 'www.electronjs.org']);

/** Whether an address may leave for the user's browser: https, a host of the list, no user part, no port. */
export function isAllowedOutside(address: string): boolean {
  try {
    const url = new URL(address);
    return url.protocol === 'https:' && OUTSIDE_HOSTS.has(url.host) && url.username === '' && url.password === '';
  } catch {
    return false;
  }
}

/** Denies every permission and device: the default of Electron approves all. */
function denyPermissions(session: Session): void {
  session.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  session.setPermissionCheckHandler(() => false);
  session.setDevicePermissionHandler(() => false);
}

function keepInside(contents: WebContents): void {
  const veto = (event: { preventDefault(): void; url: string }): void => {
    if (!isTrustedSender({ url: event.url, parent: null })) event.preventDefault();
  };
  contents.on('will-navigate', veto);
  contents.on('will-frame-navigate', veto);
  contents.on('will-redirect', veto);
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.setWindowOpenHandler(({ url }) => {
    if (isAllowedOutside(url)) void shell.openExternal(url);
    return { action: 'deny' };
  });
}

/** Every page of this app, whoever makes it, stays on `app://bundle`, opens no window and gets no permission. */
export function fencePages(): void {
  app.on('web-contents-created', (_event, contents) => {
    denyPermissions(contents.session);
    keepInside(contents);
  });
}
