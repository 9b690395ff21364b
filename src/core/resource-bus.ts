import { malformed, parseHost, parsePort, parseWhole, splitOutsideBrackets } from './resource-part.ts';
import { type GpibAddress, type LineEnd, MODBUS_PORT, PROLOGIX_PORT, type Resource } from './resource-shape.ts';

/** `GPIB[b]::pad[::sad][::INSTR]`, `GPIB[b]::INTFC`. */
export function parseGpib(text: string): Resource {
  const parts = text.split('::');
  const board = Number(/\d*$/.exec(parts.shift() ?? '')?.[0] || '0');
  const last = parts.at(-1)?.toUpperCase();
  if (last === 'INTFC' && parts.length === 1) return { kind: 'gpib-board', canonical: `GPIB${board}::INTFC`, board };
  if (last === 'INSTR') parts.pop();
  const address = parseAddress(text, parts);
  return { kind: 'gpib', canonical: `GPIB${board}::${showAddress(address)}::INSTR`, board, address };
}

/** `PRLGX-TCPIP[b]::host[::port]` and `PRLGX-ASRL[b]::port`, with `::INTFC`, or `::pad[::sad]::INSTR` for an instrument behind it. */
export function parseAdapter(text: string): Resource {
  const parts = splitOutsideBrackets(text);
  const [, word = '', digits = ''] = /^PRLGX-(TCPIP|ASRL)(\d*)$/i.exec(parts.shift() ?? '') ?? [];
  const board = Number(digits || '0');
  const end = parts.pop()?.toUpperCase();
  if (end !== 'INTFC' && end !== 'INSTR')
    throw malformed(text, 'an adapter ends with ::INTFC, an instrument behind it with ::INSTR');
  const isTcp = word.toUpperCase() === 'TCPIP';
  const line = isTcp ? tcpLine(text, parts, PROLOGIX_PORT, end === 'INTFC' ? 0 : 1) : serialLine(text, parts);
  const head =
    isTcp && line.kind === 'tcp'
      ? `PRLGX-TCPIP${board}::${line.host}::${line.port}`
      : `PRLGX-ASRL${board}::${line.port}`;
  if (end === 'INTFC') {
    if (parts.length > 0) throw malformed(text, 'nothing may stand between the adapter and ::INTFC');
    return { kind: 'prologix', canonical: `${head}::INTFC`, board, line };
  }
  const address = parseAddress(text, parts);
  return { kind: 'prologix', canonical: `${head}::${showAddress(address)}::INSTR`, board, line, address };
}

/** `MODBUS-TCPIP[b]::host[::port]::unit[::INSTR]`, `MODBUS-ASRL[b]::port::unit[::INSTR]`; unit 0…247. */
export function parseModbus(text: string): Resource {
  const parts = splitOutsideBrackets(text);
  const isTcp = /^MODBUS-TCPIP/i.test(parts.shift() ?? '');
  if (parts.at(-1)?.toUpperCase() === 'INSTR') parts.pop();
  const unit = parseWhole(text, parts.pop() ?? '', 0, 247, 'Modbus unit (0 to 247)');
  const line = isTcp ? tcpLine(text, parts, MODBUS_PORT, 0) : serialLine(text, parts);
  if (parts.length > 0) throw malformed(text, 'expected MODBUS-ASRL::port::unit or MODBUS-TCPIP::host[::port]::unit');
  const head = line.kind === 'tcp' ? `MODBUS-TCPIP0::${line.host}::${line.port}` : `MODBUS-ASRL0::${line.port}`;
  return { kind: 'modbus', canonical: `${head}::${unit}::INSTR`, line, unit };
}

/** Takes host and port off the front. With `isAddressNext` parts left over that could be a port are one only if something follows. */
function tcpLine(text: string, parts: string[], defaultPort: number, following: number): LineEnd {
  const host = parseHost(text, parts.shift() ?? '');
  const hasPort = parts.length > following;
  const port = hasPort ? parsePort(text, parts.shift() ?? '') : defaultPort;
  return { kind: 'tcp', host, port };
}

function serialLine(text: string, parts: string[]): LineEnd {
  const port = parts.shift() ?? '';
  if (port === '') throw malformed(text, 'the serial port is missing');
  return { kind: 'serial', port: /^COM\d+$/i.test(port) ? port.toUpperCase() : port };
}

function parseAddress(text: string, parts: readonly string[]): GpibAddress {
  if (parts.length < 1 || parts.length > 2)
    throw malformed(text, 'expected a primary address (0 to 30) and perhaps a secondary one');
  const primary = parseWhole(text, parts[0] ?? '', 0, 30, 'GPIB address (0 to 30)');
  if (parts[1] === undefined) return { primary };
  const secondary = parseWhole(text, parts[1], 0, 126, 'secondary GPIB address (0 to 30, or 96 to 126)');
  // VISA writes 0…30, the bus and Prologix 96…126.
  if (secondary > 30 && secondary < 96)
    throw malformed(text, `'${parts[1]}' is no secondary GPIB address (0 to 30, or 96 to 126)`);
  return { primary, secondary: secondary >= 96 ? secondary - 96 : secondary };
}

function showAddress({ primary, secondary }: GpibAddress): string {
  return secondary === undefined ? String(primary) : `${primary}::${secondary}`;
}
