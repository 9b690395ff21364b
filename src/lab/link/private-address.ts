/**
 * Whether a host is this machine or of the network around it: 127/8, 10/8, 172.16/12, 192.168/16, 169.254/16, ::1, fc00::/7, fe80::/10, `localhost`,
 * `.local`, and names without a dot. Only such hosts are asked each second whether they listen.
 */
export function isNearHost(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '');
  if (name.includes(':')) return name === '::1' || /^f[cd]|^fe[89ab]/.test(name) || isNearMapped(name);
  const parts = name.split('.');
  if (parts.length === 4 && parts.every((part) => /^\d+$/.test(part))) return isNearV4(parts.map(Number));
  return !name.includes('.') || name.endsWith('.local') || name.endsWith('.localhost');
}

function isNearMapped(name: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(name)?.[1];
  if (mapped) return isNearV4(mapped.split('.').map(Number));
  // URL parsers write the mapped form in hex: ::ffff:7f00:1.
  const hex = /^::ffff:([0-9a-f]+):[0-9a-f]+$/.exec(name)?.[1];
  if (!hex) return false;
  const high = Number.parseInt(hex, 16);
  return isNearV4([high >> 8, high & 255]);
}

function isNearV4([first = 0, second = 0]: readonly number[]): boolean {
  return (
    first === 127 ||
    first === 10 ||
    (first === 172 && second >= 16 && second < 32) ||
    (first === 192 && second === 168) ||
    (first === 169 && second === 254)
  );
}

/** Host and port of a URL for a bare TCP connection; undefined where it is none. */
export function tcpTarget(url: string): { host: string; port: number } | undefined {
  try {
    const { hostname, port, protocol } = new URL(url);
    const usual = protocol === 'wss:' || protocol === 'https:' ? 443 : 80;
    return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? usual : Number(port) };
  } catch {
    return undefined;
  }
}
