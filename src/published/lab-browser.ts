import type { BrowserWebSocketConstructor } from '../lab/browser-socket.ts';
import { openBrowserSocket } from '../lab/browser-socket.ts';
import type { LinkPorts } from '../lab/ports.ts';
import { createBrowserClock } from './browser-clock.ts';
import type { LabLink, LabLinkOptions } from './lab-link.ts';
import { openLabLink } from './lab-link.ts';

/** Opens a link by the WebSocket of the page. Nothing throws: a URL that is none comes to `onError`. */
export function createLabLink<Message = unknown>(options: LabLinkOptions<Message>): LabLink<Message> {
  return openLabLink(options, browserPorts());
}

function browserPorts(): LinkPorts {
  const clock = createBrowserClock();
  const WebSocket = globalThis.WebSocket as unknown as BrowserWebSocketConstructor;
  return {
    clock,
    random: Math.random,
    openSocket: (request, events) => openBrowserSocket(WebSocket, request, events, clock.after),
    onNetworkChange: watchPage,
  };
}

/** The network is back, or the page is shown again after it was asleep. */
function watchPage(listener: () => void): Disposable {
  const shown = (): void => {
    if (document.visibilityState === 'visible') listener();
  };
  addEventListener('online', listener);
  document.addEventListener('visibilitychange', shown);
  return {
    [Symbol.dispose]() {
      removeEventListener('online', listener);
      document.removeEventListener('visibilitychange', shown);
    },
  };
}
