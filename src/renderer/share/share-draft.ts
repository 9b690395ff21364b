import type { NumberSchema } from '../../contract/lablink-settings.ts';
import { type ShareProfile, type ShareSettings, webOrigin } from '../../contract/share-schema.ts';

type Read<T> = { ok: true; value: T } | { ok: false; reason: string };
type Ports = Pick<ShareSettings, 'port' | 'listeners'>;

const MAX_PORT = 65_535;

/** Whether an address is reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** A port that no other listener has; `own`: the listener that is changed, 'main' for the first port. */
export function readPort(text: string, share: Ports, own: number | 'main'): Read<number> {
  const value = Number(text.trim());
  if (!/^\d+$/.test(text.trim()) || value < 1 || value > MAX_PORT)
    return { ok: false, reason: `A port is 1 … ${MAX_PORT}.` };
  const others = [
    ...(own === 'main' ? [] : [share.port]),
    ...share.listeners.filter((_, index) => index !== own).map(({ port }) => port),
  ];
  if (others.includes(value)) return { ok: false, reason: `Port ${value} is in this list already.` };
  return { ok: true, value };
}

/** The next port nobody of the list has. */
export function freePort(share: Ports): number {
  const taken = new Set([share.port, ...share.listeners.map(({ port }) => port)]);
  for (let port = share.port + 1; port <= MAX_PORT; port++) if (!taken.has(port)) return port;
  for (let port = share.port - 1; port > 0; port--) if (!taken.has(port)) return port;
  return share.port;
}

/** A name or an address of this machine; an IPv6 address also in the brackets of a URL. */
export function readHost(text: string): Read<string> {
  const value = text.trim().replace(/^\[(.*)\]$/, '$1');
  if (value === '') return { ok: false, reason: 'Type an address: 127.0.0.1, 0.0.0.0, or one of this machine.' };
  if (!/^[A-Za-z0-9._-]{1,253}$/.test(value) && !/^[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/.test(value))
    return { ok: false, reason: 'An address alone: no http://, no port, no path.' };
  return { ok: true, value };
}

/** Origins with commas or spaces between; what follows a name is left away, as browsers do. */
export function readOrigins(text: string): Read<string[]> {
  const origins: string[] = [];
  for (const word of text.split(/[\s,]+/).filter((one) => one !== '')) {
    const origin = URL.canParse(word) ? new URL(word).origin : '';
    if (!webOrigin.safeParse(origin).success)
      return { ok: false, reason: `${word.slice(0, 60)} is no address of a web server: https://lab.example` };
    if (!origins.includes(origin)) origins.push(origin);
  }
  return origins.length > 32 ? { ok: false, reason: 'At most 32.' } : { ok: true, value: origins };
}

/** The protocol of a port that is open, by its address. */
export function profileAt(url: string, { port, listeners }: Ports): ShareProfile {
  const own = new URL(url);
  const number = Number(own.port || (own.protocol === 'https:' ? 443 : 80));
  return (number === port ? undefined : listeners.find((one) => one.port === number)?.profile) ?? 'native';
}

/** A whole number between two limits. */
export function readWhole(text: string, least: number, most: number): Read<number> {
  const value = Number(text.replace(/[\s\u202f]/g, ''));
  if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most)
    return { ok: false, reason: `${least} … ${most}.` };
  return { ok: true, value };
}

/** A number of a schema with two limits. */
export function readNumber(text: string, schema: NumberSchema): Read<number> {
  const parsed = schema.safeParse(text.trim() === '' ? undefined : Number(text.replace(/[\s\u202f]/g, '')));
  if (parsed.success) return { ok: true, value: parsed.data };
  return { ok: false, reason: `${schema.minValue} … ${schema.maxValue}${schema.isInt ? ', whole' : ''}.` };
}

/** Who reaches an address, and what that wants. */
export function reachText({ host, tls }: Pick<ShareSettings, 'host' | 'tls'>): { text: string; isMissing: boolean } {
  if (isLoopback(host)) return { text: 'Only programs of this machine reach it.', isMissing: false };
  const whom =
    host === '0.0.0.0' || host === '::'
      ? 'Everybody on the networks of this machine reaches it'
      : `Everybody who reaches ${host} reaches it`;
  if (tls) return { text: `${whom}, over TLS, with a login.`, isMissing: false };
  return {
    text: `${whom}: that needs a certificate and its key, so nothing is opened until they are given.`,
    isMissing: true,
  };
}
