import { LabError } from './errors.ts';

/** A host name, IPv4 or bracketed IPv6. Names are compared in lower case. Throws `resource.malformed`. */
export function parseHost(text: string, host: string): string {
  const isName = /^[A-Za-z0-9_]([A-Za-z0-9._-]*)$/.test(host);
  const isV6 = /^\[[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?\]$/.test(host);
  if (!isName && !isV6)
    throw malformed(text, host === '' ? 'the host is missing' : `'${host}' is no host name or address`);
  return host.toLowerCase();
}

/** 1…65535. Throws `resource.malformed`. */
export function parsePort(text: string, digits: string): number {
  const port = Number(digits);
  if (!/^\d{1,5}$/.test(digits) || port < 1 || port > 65535) {
    throw malformed(text, `'${digits}' is no port number (1 to 65535)`);
  }
  return port;
}

/** A decimal number within bounds. Throws `resource.malformed` with `what` was expected. */
export function parseWhole(text: string, digits: string, min: number, max: number, what: string): number {
  const value = Number(digits);
  if (!/^\d{1,5}$/.test(digits) || value < min || value > max) throw malformed(text, `'${digits}' is no ${what}`);
  return value;
}

/** Parts between `::`, except inside the brackets of an IPv6 address. */
export function splitOutsideBrackets(text: string): string[] {
  return text.split(/::(?![^[]*\])/);
}

/** The error of a resource string, with examples. */
export function malformed(text: string, why: string): LabError {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return new LabError(
    'resource.malformed',
    `'${shown}' is no resource string: ${why}. Nothing was opened. ` +
      'Examples: TCPIP0::192.168.1.20::5025::SOCKET, TCPIP0::192.168.1.20::inst0::INSTR, 192.168.1.20:5555, ASRL/dev/ttyUSB0::INSTR, COM3.',
    { resource: shown },
  );
}
