import { strict } from './strict.ts';

type Handler = (request: Request) => Response | Promise<Response>;

/** The page's origin here: CDP cannot fulfil `app://`. `.invalid` never resolves, so what is not fulfilled goes nowhere. */
const ORIGIN = 'https://bundle.app.invalid';
const handlers = new Map<string, Handler>();

/** `app://bundle/x` as Chromium is given it. */
export function toChromium(url: string): string {
  return url.startsWith('app://bundle') ? ORIGIN + url.slice('app://bundle'.length) : url;
}

/** What Chromium says as main sees it. */
export function toElectron(url: string): string {
  return url === ORIGIN || url.startsWith(`${ORIGIN}/`) ? `app://bundle${url.slice(ORIGIN.length)}` : url;
}

/** Electron's `protocol`. */
export const protocol = strict('protocol', {
  registerSchemesAsPrivileged(schemes: { scheme: string }[]): void {
    for (const { scheme } of schemes)
      if (scheme !== 'app') throw new Error(`This host serves app: only, not ${scheme}:.`);
  },
  handle(scheme: string, handler: Handler): void {
    handlers.set(scheme, handler);
  },
});

/** The answer of main's own protocol handler, or undefined if the address is not of such a scheme. */
export async function answerRequest(url: string, method: string): Promise<Response | undefined> {
  const address = toElectron(url);
  const handler = handlers.get(address.slice(0, address.indexOf(':')));
  // `Request` of Node refuses methods and schemes that Electron's takes; main reads these two members.
  return handler ? await handler({ url: address, method } as Request) : undefined;
}

/** Kept, not asked: the permissions of this Chromium are denied by being headless. */
class Session {
  permissionRequestHandler: unknown;
  permissionCheckHandler: unknown;
  devicePermissionHandler: unknown;

  setPermissionRequestHandler(handler: unknown): void {
    this.permissionRequestHandler = handler;
  }

  setPermissionCheckHandler(handler: unknown): void {
    this.permissionCheckHandler = handler;
  }

  setDevicePermissionHandler(handler: unknown): void {
    this.devicePermissionHandler = handler;
  }
}

export const defaultSession = strict('session', new Session());
