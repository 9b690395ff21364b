import { LabError } from '../../core/errors.ts';

/** Where the parts of a labwire.1 server are. No secret is in it. */
export interface LabwireAddress {
  /** `http://host:8000`. */
  base: string;
  /** Sockets in the order they are tried. */
  sockets: readonly string[];
}

/** Paths of the socket where the address names none. */
const PATHS = ['/ws', '/labwire', '/api/v1/ws'];

/** Reads `http://host:8000`, `ws://host:8000/ws`, `host:8000`. Throws call.invalid. */
export function labwireAddress(text: string): LabwireAddress {
  const url = parse(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`);
  const isSecure = url.protocol === 'https:' || url.protocol === 'wss:';
  const isNamed = url.pathname !== '' && url.pathname !== '/';
  const socket = `${isSecure ? 'wss' : 'ws'}://${url.host}`;
  return {
    base: `${isSecure ? 'https' : 'http'}://${url.host}`,
    sockets: (isNamed ? [url.pathname] : PATHS).map((path) => socket + path),
  };
}

function parse(text: string): URL {
  try {
    const url = new URL(text);
    if (/^(https?|wss?):$/.test(url.protocol) && url.hostname !== '') return url;
  } catch {
    // Said below.
  }
  throw new LabError(
    'call.invalid',
    'That is no address of a lab server. Nothing was connected. Write it like http://192.168.1.20:8000.',
  );
}
