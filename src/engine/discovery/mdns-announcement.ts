import type { Found } from './sighting.ts';

/** Service types that lead to an instrument, without the `_…._tcp`: LXI Device Specification, IVI-6.1; `lablink` is a lab server. */
export const INSTRUMENT_SERVICES = ['lxi', 'vxi-11', 'hislip', 'scpi-raw', 'scpi-telnet', 'lablink'] as const;
export type InstrumentService = (typeof INSTRUMENT_SERVICES)[number];

/** A service as mDNS gives it. */
export interface AnnouncedService {
  type: string;
  /** The instance: what the device calls itself. */
  name: string;
  host: string;
  port: number;
  addresses: readonly string[];
  /** Whence the announcement came. */
  from?: string | undefined;
  /** Keys compare in any case (RFC 6763 6.4). */
  txt: Readonly<Record<string, unknown>>;
}

const PORTMAPPER_PORT = 111;
const MAX_TEXT = 128;

/**
 * The way to an instrument that a service announces; undefined for a type that leads to none. The TXT record (LXI Device Specification: txtvers, Manufacturer, Model,
 * SerialNumber, FirmwareVersion) says who it is: the instrument itself is not asked.
 */
export function foundByService(service: AnnouncedService): Found | undefined {
  const host = hostOf(service);
  if (host === undefined || service.port < 1 || service.port > 65_535) return undefined;
  const { port, name } = service;
  const shared = { idn: identityOf(service.txt), name: name.slice(0, MAX_TEXT), mayAsk: true } as const;
  const usable = { ...shared, state: 'usable' } as const;
  switch (service.type as InstrumentService) {
    case 'vxi-11': {
      // The service is the portmapper; another port can only be that of the core channel itself.
      const at = port === PORTMAPPER_PORT ? host : `${host},${port}`;
      return { ...usable, resource: `TCPIP0::${at}::inst0::INSTR` };
    }
    case 'hislip':
      return { ...usable, resource: `TCPIP0::${host}::hislip0${port === 4880 ? '' : `,${port}`}::INSTR` };
    case 'scpi-raw':
      return { ...usable, resource: `TCPIP0::${host}::${port}::SOCKET` };
    case 'scpi-telnet':
      return {
        ...shared,
        state: 'unusable',
        resource: `TCPIP0::${host}::${port}::SOCKET`,
        about: 'SCPI over telnet, for people: it echoes and prompts',
        fix: 'Use another way to this instrument (HiSLIP, VXI-11 or the raw socket).',
      };
    case 'lxi':
      return {
        ...shared,
        state: 'unknown',
        resource: `TCPIP0::${host}::inst0::INSTR`,
        about: 'an LXI device; VXI-11 is assumed',
        httpPort: port,
      };
    case 'lablink':
      return {
        ...shared,
        mayAsk: false,
        state: 'unusable',
        way: 'server',
        resource: `${host}:${port}`,
        about: 'a lab server, no instrument',
        fix: 'Add it as a lab server; then its instruments are in this list.',
      };
    default:
      return undefined;
  }
}

/** The address the announcement came from where it is one of the host's, else its first IPv4 address, else its name. */
function hostOf({ addresses, from, host }: AnnouncedService): string | undefined {
  const v4 = addresses.filter((address) => /^\d+\.\d+\.\d+\.\d+$/.test(address));
  if (from !== undefined && v4.includes(from)) return from;
  const name = host.replace(/\.$/, '').toLowerCase();
  return v4[0] ?? (/^[a-z0-9_][a-z0-9._-]*$/.test(name) ? name : undefined);
}

function identityOf(txt: AnnouncedService['txt']): string | null {
  const fields = new Map(Object.entries(txt).map(([key, value]) => [key.toLowerCase(), value]));
  const text = (key: string): string => {
    const value = fields.get(key);
    return typeof value === 'string' ? value.trim().slice(0, MAX_TEXT).replaceAll(',', ' ') : '';
  };
  const [maker, model] = [text('manufacturer'), text('model')];
  if (maker === '' && model === '') return null;
  return [maker, model, text('serialnumber'), text('firmwareversion')].join(',');
}
