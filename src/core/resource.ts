import { LabError } from './errors.ts';
import { parseAdapter, parseGpib, parseModbus } from './resource-bus.ts';
import { malformed, parseHost, parsePort, splitOutsideBrackets } from './resource-part.ts';
import { HISLIP_PORT, type Resource, SCPI_RAW_PORT } from './resource-shape.ts';
import { parseUsb } from './resource-usb.ts';

/**
 * Reads a resource string (VISA VPP-4.3; keywords in any case, paths and serial numbers as they are):
 *
 *     ASRLport[::INSTR]                               TCPIP[b]::host[::device][::INSTR]    device inst0, gpib0,5, hislip0
 *     TCPIP[b]::host::port::SOCKET                    TCPIP[b]::host,PORT::inst0[::INSTR]  TCPIP[b]::host::hislip0,PORT[::INSTR]
 *     USB[b]::vid::pid::serial[::interface][::INSTR | ::RAW]                               GPIB[b]::pad[::sad][::INSTR], GPIB[b]::INTFC
 *     PRLGX-TCPIP[b]::host[::port]::INTFC             PRLGX-ASRL[b]::port::INTFC           (PyVISA)
 *
 * ours: `PRLGX-TCPIP[b]::host::port::pad[::sad]::INSTR`, `PRLGX-ASRL[b]::port::pad[::sad]::INSTR`, `MODBUS-TCPIP::host[::port]::unit`,
 * `MODBUS-ASRL::port::unit`, `USBIP[b]::host[,port]::vid::pid::serial[::interface]`, `UDP::host::port::SOCKET`, `LAB::host:port::id::INSTR` (of a lab server; `LABS` over TLS), `RESOURCE@visa` (by the
 * vendor's library), and what people type: `host`, `host:port`, `[v6]:port`, `/dev/ttyUSB0`, `/dev/usbtmc0`, `COM3`.
 *
 * Throws `resource.malformed` with what was expected.
 */
export function parseResource(text: string): Resource {
  const trimmed = text.trim();
  if (trimmed === '') throw malformed(text, 'it is empty');
  if (trimmed.length > 512) throw malformed(text, 'it is longer than 512 characters');
  if (hasControlCharacter(trimmed)) throw malformed(text, 'it holds control characters');
  const vendor = /^(.+)@visa$/i.exec(trimmed)?.[1];
  if (vendor) return parseVendor(vendor);
  const upper = trimmed.toUpperCase();
  if (/^ASRL/.test(upper)) return parseSerial(trimmed);
  if (/^TCPIP\d*::/.test(upper)) return parseTcpip(trimmed);
  if (/^UDP\d*::/.test(upper)) return parseUdp(trimmed);
  if (/^USB(IP)?\d*::/.test(upper)) return parseUsb(trimmed);
  if (/^USBTMC\//.test(upper)) return usbtmcFile(trimmed.slice('USBTMC'.length).replace(/::INSTR$/i, ''));
  if (/^GPIB\d*::/.test(upper)) return parseGpib(trimmed);
  if (/^PRLGX-(TCPIP|ASRL)\d*::/.test(upper)) return parseAdapter(trimmed);
  if (/^LABS?\d*::/.test(upper)) return parseLab(trimmed);
  if (/^MODBUS-(TCPIP|ASRL)\d*::/.test(upper)) return parseModbus(trimmed);
  if (/^(VICP|PXI|VXI|RSNRP|USBVISA)\d*::/.test(upper)) return parseVendor(trimmed);
  if (trimmed.includes('::') && !trimmed.startsWith('[')) {
    throw malformed(text, `'${trimmed.split('::')[0]}' is no kind of interface Labwire knows`);
  }
  if (/^\/dev\/usbtmc\d+$/.test(trimmed)) return usbtmcFile(trimmed);
  if (trimmed.startsWith('/')) return serial(trimmed);
  if (/^COM\d+$/.test(upper)) return serial(upper);
  return parseBare(trimmed);
}

/** The one spelling of a resource; throws `resource.malformed`. */
export function canonicalResource(text: string): string {
  return parseResource(text).canonical;
}

function parseVendor(text: string): Resource {
  const kind = /^[A-Z][A-Z0-9-]*?(?=\d*::|\/|\d*$)/i.exec(text)?.[0] ?? '';
  if (!text.includes('::') && !/^ASRL/i.test(text))
    throw malformed(text, 'expected a full resource string before @visa');
  // What Labwire knows too is written in its one spelling; the rest as the vendor's library takes it.
  const isOurs = /^(ASRL|TCPIP\d*::|USB\d*::|GPIB\d*::)/i.test(text);
  const resource = isOurs ? parseResource(text).canonical : kind.toUpperCase() + text.slice(kind.length);
  return { kind: 'vendor', canonical: `${resource}@visa`, resource };
}

function usbtmcFile(path: string): Resource {
  return { kind: 'usbtmc-file', canonical: `USBTMC${path}::INSTR`, path };
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

function parseUdp(text: string): Resource {
  const [, host = '', port = '', word = ''] = splitOutsideBrackets(text);
  if (word.toUpperCase() !== 'SOCKET') throw malformed(text, 'datagrams are UDP0::address::port::SOCKET');
  const parsed = { host: parseHost(text, host), port: parsePort(text, port) };
  return { kind: 'udp', canonical: `UDP0::${parsed.host}::${parsed.port}::SOCKET`, ...parsed };
}

/** An id with anything but letters, digits and `._-` is written percent-encoded. */
function parseLab(text: string): Resource {
  const [scheme = '', at = '', name = '', word = ''] = splitOutsideBrackets(text);
  const match = /^(\[[^\]]+\]|[^:\s]+):(\d+)$/.exec(at);
  if (!match || name === '' || (word !== '' && word.toUpperCase() !== 'INSTR')) {
    throw malformed(text, 'an instrument of a lab server is LAB::host:port::id::INSTR');
  }
  const host = parseHost(text, match[1] ?? '');
  const port = parsePort(text, match[2] ?? '');
  const isSecure = /^LABS/i.test(scheme);
  const equipment = decodeName(text, name);
  const canonical = `${isSecure ? 'LABS' : 'LAB'}::${host}:${port}::${encodeURIComponent(equipment)}::INSTR`;
  return { kind: 'server', canonical, host, port, isSecure, equipment };
}

function decodeName(text: string, name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw malformed(text, `'${name}' is no percent-encoded id`);
  }
}

function parseTcpip(text: string): Resource {
  const parts = splitOutsideBrackets(text);
  const board = Number(/^TCPIP(\d*)$/i.exec(parts[0] ?? '')?.[1] || '0');
  const [, hostName = '', hostPort] = /^(.*?)(?:,(\d+))?$/.exec(parts[1] ?? '') ?? [];
  const host = parseHost(text, hostName);
  const last = parts.at(-1)?.toUpperCase();
  if (last === 'SOCKET') {
    if (parts.length !== 4 || hostPort !== undefined) throw malformed(text, 'a socket is TCPIP0::host::port::SOCKET');
    const port = parsePort(text, parts[2] ?? '');
    return { kind: 'socket', canonical: `TCPIP${board}::${host}::${port}::SOCKET`, host, port };
  }
  const rest = parts.slice(2);
  if (rest.at(-1)?.toUpperCase() === 'INSTR') rest.pop();
  if (rest.length > 1 || rest[0] === '') throw malformed(text, 'expected TCPIP0::host[::device][::INSTR]');
  const device = rest[0] ?? 'inst0';
  const isPlain = /^[A-Za-z0-9_.,\-/[\]+]+$/.test(device);
  if (!isPlain) throw malformed(text, `'${device}' is no LAN device name (inst0, gpib0,5, hislip0)`);
  return /^hislip/i.test(device)
    ? parseHislip(text, board, host, device, hostPort)
    : parseVxi11(text, board, host, device, hostPort);
}

function parseHislip(
  text: string,
  board: number,
  host: string,
  device: string,
  hostPort: string | undefined,
): Resource {
  const match = /^(hislip[^,]*)(?:,(\d+))?$/i.exec(device);
  if (!match || hostPort !== undefined) throw malformed(text, 'HiSLIP is TCPIP0::host::hislip0[,port][::INSTR]');
  const name = (match[1] ?? '').toLowerCase();
  const port = match[2] === undefined ? HISLIP_PORT : parsePort(text, match[2]);
  const canonical = `TCPIP${board}::${host}::${name}${port === HISLIP_PORT ? '' : `,${port}`}::INSTR`;
  return { kind: 'hislip', canonical, host, device: name, port };
}

function parseVxi11(text: string, board: number, host: string, device: string, hostPort: string | undefined): Resource {
  const corePort = hostPort === undefined ? undefined : parsePort(text, hostPort);
  const canonical = `TCPIP${board}::${host}${corePort === undefined ? '' : `,${corePort}`}::${device}::INSTR`;
  return { kind: 'vxi11', canonical, host, device, ...(corePort === undefined ? {} : { corePort }) };
}

function parseBare(text: string): Resource {
  const match = /^(\[[^\]]+\]|[^:\s]+)(?::(.*))?$/.exec(text);
  if (!match) throw malformed(text, 'expected host, host:port, a serial port or a VISA resource string');
  const host = parseHost(text, match[1] ?? '');
  const port = match[2] === undefined ? SCPI_RAW_PORT : parsePort(text, match[2]);
  return { kind: 'socket', canonical: `TCPIP0::${host}::${port}::SOCKET`, host, port };
}

function hasControlCharacter(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 32 || code === 127) return true;
  }
  return false;
}

/** Whether two addresses name one way, without opening either; malformed ones never do. */
export function isSameResource(one: string, other: string): boolean {
  try {
    return canonicalResource(one) === canonicalResource(other);
  } catch (error) {
    if (error instanceof LabError) return false;
    throw error;
  }
}
