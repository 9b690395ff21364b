import { LabError } from '../../core/errors.ts';

/** Where a lab server is. */
export interface ServerAddress {
  /** `http://host:8000` or with a path; never with a user, a password or a query. */
  url: string;
  /** `host:8000`: one server of the bench each. */
  origin: string;
  host: string;
  port: number;
  isSecure: boolean;
  /** From `?token=`, which never stays in an address. */
  token?: string | undefined;
}

/** The port of LabLink's REST and socket. */
const DEFAULT_PORT = 8000;

/** `host`, `host:port`, `http(s)://…`, `ws(s)://…`. Throws call.invalid. */
export function parseServerAddress(text: string): ServerAddress {
  const trimmed = text.trim();
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : `http://${trimmed}`;
  let url: URL;
  try {
    url = new URL(withScheme);
  } catch {
    throw invalid(text, 'it cannot be read');
  }
  if (!/^(https?|wss?):$/.test(url.protocol)) throw invalid(text, `${url.protocol} is not spoken`);
  if (url.hostname === '') throw invalid(text, 'the host is missing');
  if (url.username !== '' || url.password !== '')
    throw invalid(text, 'a user and password do not belong into an address; log in instead');
  const isSecure = url.protocol === 'https:' || url.protocol === 'wss:';
  const hasScheme = withScheme === trimmed;
  const port = url.port === '' ? (isSecure ? 443 : hasScheme ? 80 : DEFAULT_PORT) : Number(url.port);
  const host = url.hostname;
  const path = url.pathname === '/' ? '' : url.pathname.replace(/\/+$/, '');
  // Parameters of a stream (`?module=4&interval=0.1`) say something; a token must not stay.
  const query = new URLSearchParams(url.search);
  const token = query.get('token') ?? undefined;
  query.delete('token');
  const rest = query.size > 0 ? `?${query}` : '';
  const scheme = isSecure ? 'https' : 'http';
  return { url: `${scheme}://${host}:${port}${path}${rest}`, origin: `${host}:${port}`, host, port, isSecure, token };
}

function invalid(text: string, why: string): LabError {
  // Whoever typed a secret into it does not want to read it in a log.
  const shown = text.replace(/\/\/[^@/]*@/, '//…@').replace(/token=[^&\s]*/gi, 'token=…');
  return new LabError(
    'call.invalid',
    `“${shown.slice(0, 80)}” is no address of a lab server: ${why}. Nothing was connected. Type host:port or http://host:port.`,
  );
}
