import { LabError } from '../../core/errors.ts';

export interface NeurographAddress {
  base: string;
  /** Without token. */
  socket: string;
}

/** Reads `http://host:8000`, `ws://host:8000/ws`, `host:8000`; a path names the socket. Throws call.invalid. */
export function neurographAddress(text: string): NeurographAddress {
  let url: URL | undefined;
  try {
    url = new URL(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`);
  } catch {
    // Said below.
  }
  if (!url || !/^(https?|wss?):$/.test(url.protocol) || url.hostname === '') {
    throw new LabError(
      'call.invalid',
      `${text} is no address of a NeuroGraph server. Nothing was connected. Write it like http://192.168.1.20:8000.`,
    );
  }
  const secure = url.protocol === 'https:' || url.protocol === 'wss:' ? 's' : '';
  const path = url.pathname === '' || url.pathname === '/' ? '/ws' : url.pathname;
  return { base: `http${secure}://${url.host}`, socket: `ws${secure}://${url.host}${path}` };
}
