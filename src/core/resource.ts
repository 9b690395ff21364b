import { LabError } from './errors.ts';

/** Port assumed when only a host is given: SCPI raw, IANA 5025 (Rigol listens on 5555, Tektronix on 4000). */
export const SCPI_RAW_PORT = 5025;

/**
 * A VISA resource string, understood. `canonical` is its one spelling: equal instruments at equal ways compare equal.
 * `unsupported` stands where Labwire cannot open the way yet; its text says why and what to do instead.
 */
export type Resource =
  | { kind: 'socket'; canonical: string; host: string; port: number }
  | {
      kind: 'serial';
      canonical: string /** Path or COM name as typed; a bare number is a VISA board number. */;
      port: string;
    }
  | { kind: 'vxi11' | 'hislip'; canonical: string; host: string; device: string; unsupported: string }
  | { kind: 'usb' | 'gpib' | 'prologix' | 'other'; canonical: string; unsupported: string };

const LAN_LATER =
  'VXI-11 and HiSLIP are not built in yet. If the instrument offers a raw SCPI socket, attach TCPIP0::HOST::5025::SOCKET (Rigol: 5555) instead.';
const USB_LATER = 'USBTMC is not built in yet. Attach the instrument over LAN or its serial port.';
const GPIB_LATER = 'GPIB is not built in yet. Attach the instrument over LAN or its serial port.';

/**
 * Reads a resource string: `TCPIP[b]::host::port::SOCKET`, `ASRLport[::INSTR]`, `TCPIP[b]::host[::device][::INSTR]`, `USB…`, `GPIB…`,
 * `PRLGX-…` (VISA VPP-4.3; keywords in any case), or what people type: `host`, `host:port`, `[v6]:port`, `/dev/ttyUSB0`, `COM3`.
 * Throws `resource.malformed` with what was expected.
 */
export function parseResource(text: string): Resource {
  const trimmed = text.trim();
  if (trimmed === '') throw malformed(text, 'it is empty');
  if (trimmed.length > 512) throw malformed(text, 'it is longer than 512 characters');
  if (hasControlCharacter(trimmed)) throw malformed(text, 'it holds control characters');
  const upper = trimmed.toUpperCase();
  if (/^ASRL/.test(upper)) return parseSerial(trimmed);
  if (/^TCPIP\d*::/.test(upper)) return parseTcpip(trimmed);
  if (/^USB\d*::/.test(upper)) return { kind: 'usb', canonical: withBoard(trimmed, 'USB'), unsupported: USB_LATER };
  if (/^GPIB\d*::/.test(upper)) return { kind: 'gpib', canonical: withBoard(trimmed, 'GPIB'), unsupported: GPIB_LATER };
  if (/^PRLGX-(TCPIP|ASRL)\d*::/.test(upper)) return { kind: 'prologix', canonical: trimmed, unsupported: GPIB_LATER };
  if (/^(VICP|PXI|VXI)\d*::/.test(upper)) {
    return { kind: 'other', canonical: trimmed, unsupported: `${upper.split(/\d*::/)[0]} is not built in.` };
  }
  if (trimmed.includes('::') && !trimmed.startsWith('[')) {
    throw malformed(text, `'${trimmed.split('::')[0]}' is no kind of interface Labwire knows`);
  }
  if (trimmed.startsWith('/')) return serial(trimmed);
  if (/^COM\d+$/.test(upper)) return serial(upper);
  return parseBare(trimmed);
}

/** The one spelling of a resource; throws `resource.malformed`. */
export function canonicalResource(text: string): string {
  return parseResource(text).canonical;
}

function parseSerial(text: string): Resource {
  const body = text.slice(4).replace(/::INSTR$/i, '');
  if (body === '') throw malformed(text, 'the port is missing after ASRL');
  if (body.includes('::')) throw malformed(text, 'only ::INSTR may follow the port');
  return serial(/^COM\d+$/i.test(body) ? body.toUpperCase() : body);
}

function serial(port: string): Resource {
  return { kind: 'serial', canonical: `ASRL${port}::INSTR`, port };
}

function parseTcpip(text: string): Resource {
  const parts = splitOutsideBrackets(text);
  const board = /^TCPIP(\d*)$/i.exec(parts[0] ?? '')?.[1] || '0';
  const host = parseHost(text, parts[1] ?? '');
  const last = parts.at(-1)?.toUpperCase();
  if (last === 'SOCKET') {
    if (parts.length !== 4) throw malformed(text, 'a socket is TCPIP0::host::port::SOCKET');
    const port = parsePort(text, parts[2] ?? '');
    return { kind: 'socket', canonical: `TCPIP${Number(board)}::${host}::${port}::SOCKET`, host, port };
  }
  const rest = parts.slice(2);
  if (rest.at(-1)?.toUpperCase() === 'INSTR') rest.pop();
  if (rest.length > 1 || rest[0] === '') throw malformed(text, 'expected TCPIP0::host[::device][::INSTR]');
  const device = rest[0] ?? 'inst0';
  const kind = /^hislip/i.test(device) ? 'hislip' : 'vxi11';
  const canonical = `TCPIP${Number(board)}::${host}::${device}::INSTR`;
  return { kind, canonical, host, device, unsupported: LAN_LATER };
}

function parseBare(text: string): Resource {
  const match = /^(\[[^\]]+\]|[^:\s]+)(?::(.*))?$/.exec(text);
  if (!match) throw malformed(text, 'expected host, host:port, a serial port or a VISA resource string');
  const host = parseHost(text, match[1] ?? '');
  const port = match[2] === undefined ? SCPI_RAW_PORT : parsePort(text, match[2]);
  return { kind: 'socket', canonical: `TCPIP0::${host}::${port}::SOCKET`, host, port };
}

/** A host name, IPv4 or bracketed IPv6; HiSLIP and VXI-11 test servers put `,PORT` after it. Names are compared in lower case. */
function parseHost(text: string, host: string): string {
  const isName = /^[A-Za-z0-9_]([A-Za-z0-9._-]*)(,\d{1,5})?$/.test(host);
  const isV6 = /^\[[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?\]$/.test(host);
  if (!isName && !isV6)
    throw malformed(text, host === '' ? 'the host is missing' : `'${host}' is no host name or address`);
  return host.toLowerCase();
}

function parsePort(text: string, digits: string): number {
  const port = Number(digits);
  if (!/^\d{1,5}$/.test(digits) || port < 1 || port > 65535) {
    throw malformed(text, `'${digits}' is no port number (1 to 65535)`);
  }
  return port;
}

function splitOutsideBrackets(text: string): string[] {
  return text.split(/::(?![^[]*\])/);
}

function withBoard(text: string, name: string): string {
  const rest = text.slice(name.length);
  const at = rest.indexOf('::');
  const body = rest.slice(at).replace(/::instr$/i, '::INSTR');
  return `${name}${Number(rest.slice(0, at) || '0')}${/::(INSTR|INTFC|RAW)$/i.test(body) ? body : `${body}::INSTR`}`;
}

function hasControlCharacter(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 32 || code === 127) return true;
  }
  return false;
}

function malformed(text: string, why: string): LabError {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return new LabError(
    'resource.malformed',
    `'${shown}' is no resource string: ${why}. Nothing was opened. ` +
      'Examples: TCPIP0::192.168.1.20::5025::SOCKET, 192.168.1.20:5555, ASRL/dev/ttyUSB0::INSTR, COM3.',
    { resource: shown },
  );
}
