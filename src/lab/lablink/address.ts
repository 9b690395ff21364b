import { LabError } from '../../core/errors.ts';

/** Where the parts of a LabLink server are. */
export interface LabLinkAddress {
  /** `http://host:8000`, candidates in order: the socket of the seed document has a port of its own. */
  bases: readonly string[];
  /** Without token: `ws://host:8000/ws`. */
  socket: string;
  /** The socket the seed document puts on the next port, tried only where the server has its REST calls. */
  nextPortSocket: string | undefined;
}

/** Reads `http://host:8000`, `ws://host:8001/ws`, `host:8000`. Throws call.invalid. */
export function lablinkAddress(text: string): LabLinkAddress {
  const url = parse(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`);
  const isSecure = url.protocol === 'https:' || url.protocol === 'wss:';
  const isSocket = url.protocol.startsWith('ws');
  const http = isSecure ? 'https' : 'http';
  const ws = isSecure ? 'wss' : 'ws';
  const port = Number(url.port || (isSecure ? 443 : 80));
  const path = url.pathname === '/' || url.pathname === '' ? '/ws' : url.pathname;
  const base = `${http}://${url.host}`;
  const isNamed = isSocket && url.pathname !== '/' && url.pathname !== '';
  return {
    bases: isNamed && port > 1 ? [base, `${http}://${url.hostname}:${port - 1}`] : [base],
    socket: `${ws}://${url.host}${path}`,
    nextPortSocket: isNamed || port >= 65535 ? undefined : `${ws}://${url.hostname}:${port + 1}${path}`,
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
    `${text} is no address of a lab server. Nothing was connected. Write it like http://192.168.1.20:8000.`,
  );
}
