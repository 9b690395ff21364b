import type { Link } from '../contract/link.ts';
import { createPortLink, type PortLike } from '../contract/port-link.ts';
import { openSocketLink, SOCKET_PROTOCOL } from '../contract/socket-link.ts';
import { LabError } from '../core/errors.ts';
import { type LinkOpener, retryLink } from './engine-link.ts';
import { createHubOpener } from './hub-opener.ts';
import { forgetLogin, readLogin, showLogin } from './remote-login.ts';
import { type Shell, shell } from './shell.ts';

/** Where the browser host serves the contract. */
const SOCKET_PATH = 'link';
const TOKEN_KEY = 'labwire.token';

/** The only place that knows which host the page runs in: a port from the desktop shell, or a WebSocket to the server of the page. */
export function createOpener(): LinkOpener {
  return shell ? createPortOpener(shell) : createSocketOpener();
}

/**
 * The desktop: main posts a port when asked, and a new one whenever the engine was started again. The newest port is the engine, so one
 * that comes while a link is open ends that link.
 */
function createPortOpener(desktop: Shell): LinkOpener {
  let port: MessagePort | undefined;
  let arrived: (() => void) | undefined;
  let current: Link | undefined;
  let goneReason = '';
  window.addEventListener('message', (event) => {
    if (event.source !== window) return;
    const data: unknown = event.data;
    if (typeof data !== 'object' || data === null || !('labwire' in data)) return;
    if (data.labwire === 'engine-port' && event.ports[0]) {
      port = event.ports[0];
      goneReason = '';
      current?.end('The engine was started again.');
      arrived?.();
      retryLink();
    } else if (data.labwire === 'engine-gone') {
      const isOver = 'retryMs' in data && data.retryMs === null;
      goneReason = isOver
        ? 'The engine ended several times and is not started again. Instruments keep their outputs. Restart Labwire; recordings are finished on the next start.'
        : 'The engine ended and is being started again. Outputs of the instruments were not changed.';
      current?.end(goneReason);
    }
  });
  return {
    way: 'desktop',
    open: async (signal) => {
      if (!port) {
        desktop.connect();
        await new Promise<void>((resolve, reject) => {
          arrived = resolve;
          signal.addEventListener('abort', () => reject(noEngine(goneReason)), { once: true });
        });
      }
      const taken = port;
      port = undefined;
      if (!taken) throw noEngine(goneReason);
      current = createPortLink(taken as unknown as PortLike);
      return current;
    },
  };
}

/** The browser: the token comes in the fragment once, moves to the session, and leaves the address at once. */
function createSocketOpener(): LinkOpener {
  const token = takeToken();
  if (readLogin()) return createHubOpener(openSocket);
  return {
    way: `browser at ${location.host}`,
    open: async (signal) => {
      if (!token) {
        // A hub has a page for that; an engine on loopback has its key in the address it printed.
        if (await isHub(signal)) showLogin();
        throw new LabError(
          'call.denied',
          'This page has no key to the engine. Open the address that Labwire printed when it started, with everything behind the “#”.',
        );
      }
      return openSocket(token, signal).catch(async (error: unknown) => {
        throw (await isTokenOld(token, signal)) ? oldToken() : error;
      });
    },
  };
}

function openSocket(token: string, signal: AbortSignal): Promise<Link> {
  const url = new URL(SOCKET_PATH, document.baseURI);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  const socket = new WebSocket(url, [SOCKET_PROTOCOL, token]);
  signal.addEventListener('abort', () => socket.readyState === WebSocket.CONNECTING && socket.close(), {
    once: true,
  });
  return openSocketLink(socket);
}

function isHub(signal: AbortSignal): Promise<boolean> {
  return fetch(new URL('login', document.baseURI), { method: 'HEAD', signal }).then(
    ({ ok }) => ok,
    () => false,
  );
}

/**
 * A page is not told why its WebSocket was refused. The exports want the same token: 401 says that an engine is there and does not know it;
 * anything else, that trying again may help.
 */
async function isTokenOld(token: string, signal: AbortSignal): Promise<boolean> {
  const url = new URL('exports/', document.baseURI);
  url.searchParams.set('token', token);
  const status = await fetch(url, { method: 'HEAD', signal }).then(
    (answer) => answer.status,
    () => 0,
  );
  return status === 401;
}

function oldToken(): LabError {
  return new LabError(
    'call.denied',
    'Labwire was started anew since this page was opened, so the key of this page no longer fits. Open the newly printed address.',
  );
}

function takeToken(): string | null {
  const fragment = location.hash.replace(/^#(token=)?/, '');
  if (/^[\w.-]{16,}$/.test(fragment)) {
    // The token of a login has dots, that of an engine none: an engine may have taken over the port of a hub.
    if (fragment.includes('.')) sessionStorage.removeItem(TOKEN_KEY);
    else {
      sessionStorage.setItem(TOKEN_KEY, fragment);
      forgetLogin();
    }
    history.replaceState(null, '', location.pathname + location.search);
  }
  return sessionStorage.getItem(TOKEN_KEY);
}

function noEngine(reason: string): LabError {
  return new LabError('engine.gone', reason || 'The engine has not answered yet. Labwire starts it again by itself.');
}

/**
 * Where a browser downloads an export of that path from: the server of the page gives out its exports folder to whoever has the token.
 * Undefined on the desktop, where the file lies already where it was wanted, and at a hub, which gives out no files.
 */
export function exportUrl(path: string): string | undefined {
  const token = sessionStorage.getItem(TOKEN_KEY);
  const name = path.split(/[/\\]/).at(-1);
  if (shell || readLogin() || !token || !name) return undefined;
  const url = new URL(`exports/${encodeURIComponent(name)}`, document.baseURI);
  url.searchParams.set('token', token);
  return url.href;
}
