import { LabError } from '../../core/errors.ts';
import { POWER_INTERVAL_S, POWER_MODULES, powerQuery } from '../../protocol/lab/power-meter-request.ts';

export interface PowerMeterAddress {
  /** `http://host:8002`. */
  base: string;
  /** What stands before `/power` and `/health`, in the order tried; server versions differ. */
  prefixes: readonly string[];
  /** Modules offered. The server does not say which it has; the usual one, or those named in the address. */
  modules: readonly number[];
  /** Asked for when nobody asks for another; s. */
  intervalS: number;
}

const PREFIXES = ['/ws', '/api/v1/ws/v2', '/ws/v2'];

/**
 * Reads `http://host:8002`, the address of the stream itself (`ws://host:8002/api/v1/ws/v2/power?module=4&interval=0.1`), and `?module=4,5` for
 * several modules. Throws call.invalid, naming a module or an interval that does not exist: the server itself would only say 403.
 */
export function powerMeterAddress(text: string): PowerMeterAddress {
  const url = parseUrl(text);
  const http = url.protocol === 'https:' || url.protocol === 'wss:' ? 'https' : 'http';
  const query = new Map(
    url.search
      .replace(/^\?/, '')
      .split('&')
      .map((pair) => pair.split('=') as [string, string | undefined]),
  );
  const named = (query.get('module') ?? '').replaceAll(/%2c/gi, ',');
  const modules = named === '' ? [POWER_MODULES.usual] : [...new Set(named.split(',').map(Number))];
  const interval = query.get('interval');
  const intervalS = interval === undefined ? POWER_INTERVAL_S.usual : Number(interval);
  for (const module of modules) powerQuery(module, intervalS);
  const prefix = /^(.*)\/(?:power|health)$/.exec(url.pathname)?.[1];
  const prefixes = prefix === undefined ? PREFIXES : [prefix, ...PREFIXES.filter((known) => known !== prefix)];
  return { base: `${http}://${url.host}`, prefixes, modules, intervalS };
}

function parseUrl(text: string): URL {
  try {
    const url = new URL(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`);
    if (/^(https?|wss?):$/.test(url.protocol) && url.hostname !== '') return url;
  } catch {
    // Said below.
  }
  throw new LabError(
    'call.invalid',
    `${text} is no address of a power meter server. Nothing was connected. Write it like http://192.168.1.20:8002.`,
  );
}
