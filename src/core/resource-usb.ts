import { malformed, parseHost, parsePort, parseWhole, splitOutsideBrackets } from './resource-part.ts';
import { type Resource, USBIP_PORT } from './resource-shape.ts';

/** `USB[b]::vid::pid::serial[::interface][::INSTR | ::RAW]` and `USBIP[b]::host[,port]::…`. Ids hex (0x) or decimal. */
export function parseUsb(text: string): Resource {
  const parts = splitOutsideBrackets(text);
  const [, word = '', digits = ''] = /^(USB|USBIP)(\d*)$/i.exec(parts.shift() ?? '') ?? [];
  const board = `${word.toUpperCase()}${Number(digits || '0')}`;
  const usbip = word.toUpperCase() === 'USBIP' ? parseExporter(text, parts.shift() ?? '') : undefined;
  const last = parts.at(-1)?.toUpperCase();
  const isRaw = last === 'RAW';
  if (isRaw || last === 'INSTR') parts.pop();
  if (parts.length < 3 || parts.length > 4) {
    throw malformed(text, 'expected USB0::0x1AB1::0x0E11::SERIAL[::interface][::INSTR]');
  }
  const [vendor = '', product = '', serial = '', face = '0'] = parts;
  if (serial === '') throw malformed(text, 'the serial number is missing');
  const vendorId = parseUsbId(text, vendor);
  const productId = parseUsbId(text, product);
  const interfaceNumber = parseWhole(text, face, 0, 255, 'interface number');
  const host = usbip ? `::${usbip.host}${usbip.port === USBIP_PORT ? '' : `,${usbip.port}`}` : '';
  const tail = interfaceNumber === 0 ? '' : `::${interfaceNumber}`;
  const canonical = `${board}${host}::${hex(vendorId)}::${hex(productId)}::${serial}${tail}::${isRaw ? 'RAW' : 'INSTR'}`;
  return { kind: 'usb', canonical, vendorId, productId, serial, interfaceNumber, isRaw, ...(usbip ? { usbip } : {}) };
}

function parseExporter(text: string, part: string): { host: string; port: number } {
  const [, host = '', port] = /^(.*?)(?:,(\d+))?$/.exec(part) ?? [];
  return { host: parseHost(text, host), port: port === undefined ? USBIP_PORT : parsePort(text, port) };
}

function parseUsbId(text: string, digits: string): number {
  const value = /^(0x[0-9a-f]{1,4}|\d{1,5})$/i.test(digits) ? Number(digits) : Number.NaN;
  if (!(value <= 0xffff)) throw malformed(text, `'${digits}' is no USB id (0x1AB1 or decimal)`);
  return value;
}

function hex(id: number): string {
  return `0x${id.toString(16).toUpperCase().padStart(4, '0')}`;
}
