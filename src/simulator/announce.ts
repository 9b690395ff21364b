import { Bonjour, type Service } from 'bonjour-service';
import { LabError } from '../core/errors.ts';
import type { Identity } from '../core/instrument.ts';

/** Where an instrument listens, by what is spoken there; only what is given is announced. */
export interface AnnouncedPorts {
  /** SCPI on a plain socket. */
  raw?: number;
  telnet?: number;
  /** The portmapper, 111; any other number can only be the port of the core channel. */
  vxi11?: number;
  hislip?: number;
  /** HTTP with the LXI identification. */
  lxi?: number;
}

export interface Announcement {
  /** An IPv4 address the instrument listens at. With a loopback address only this machine is told. */
  host: string;
  ports: AnnouncedPorts;
  identity: Identity;
  /** What stands in the list of a browser; default `MODEL (SERIAL)`. */
  name?: string;
}

const TYPES: { [K in keyof Required<AnnouncedPorts>]: string } = {
  raw: 'scpi-raw',
  telnet: 'scpi-telnet',
  vxi11: 'vxi-11',
  hislip: 'hislip',
  lxi: 'lxi',
};
/** Probing for another of the same name takes three questions 250 ms apart (RFC 6762 8.1). */
const PUBLISH_LIMIT_MS = 5000;

/** Announcing until disposed; then it says goodbye, so that lists let go of it at once. */
export interface AnnouncedInstrument extends AsyncDisposable {
  /** Resolves when all services are announced, or after a while when the network takes nothing. */
  readonly announced: Promise<void>;
}

/**
 * Announces an instrument by mDNS and DNS-SD (RFC 6762, 6763) as LXI devices do: one service for each way in, with the TXT keys txtvers, Manufacturer, Model, SerialNumber
 * and FirmwareVersion. Throws `simulator.failed` when the network cannot be used for it.
 */
export function announceInstrument({ host, ports, identity, name }: Announcement): AnnouncedInstrument {
  const { maker, model, serial, firmware } = identity;
  const where = /^127\./.test(host) ? { interface: host, bind: '0.0.0.0' } : {};
  const bonjour = new Bonjour(where as object, () => undefined);
  quiet(bonjour);
  const target = `${[model, serial].join('-').replaceAll(/[^A-Za-z0-9-]+/g, '-')}.local`;
  const services = (Object.keys(TYPES) as (keyof AnnouncedPorts)[]).flatMap((kind) => {
    const port = ports[kind];
    if (port === undefined) return [];
    const service = publish(bonjour, {
      name: (name ?? `${model} (${serial})`).slice(0, 63),
      type: TYPES[kind],
      port,
      host: target,
      txt: {
        txtvers: '1',
        Manufacturer: maker,
        Model: model,
        SerialNumber: serial,
        FirmwareVersion: firmware,
      },
    });
    onlyAt(service, host);
    return [service];
  });
  const up = Promise.all(services.map((service) => new Promise((resolve) => service.once('up', resolve))));
  const patience = AbortSignal.timeout(PUBLISH_LIMIT_MS);
  const tooLong = new Promise((resolve) => patience.addEventListener('abort', resolve, { once: true }));
  let disposed: Promise<void> | undefined;
  return {
    announced: Promise.race([up, tooLong]).then(() => undefined),
    [Symbol.asyncDispose]() {
      disposed ??= new Promise((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          bonjour.destroy(() => resolve());
        };
        const timer = setTimeout(end, 1000);
        bonjour.unpublishAll(end);
      });
      return disposed;
    },
  };
}

function publish(bonjour: Bonjour, config: Parameters<Bonjour['publish']>[0]): Service {
  try {
    return bonjour.publish(config);
  } catch (error) {
    throw new LabError(
      'simulator.failed',
      `${config.name} cannot be announced (${String(error)}). It listens all the same; type its address.`,
    );
  }
}

/** The package announces every address of the machine; the instrument listens at one. It does so once it has probed, so this comes in time. */
function onlyAt(service: Service, host: string): void {
  const records = service.records.bind(service);
  service.records = () => [
    ...records().filter(({ type }) => type !== 'A' && type !== 'AAAA'),
    { name: service.host, type: 'A', ttl: 120, data: host },
  ];
}

/** Errors of its socket come as events of a member the types do not show; unheard, one would end the process. */
function quiet(bonjour: object): void {
  const { server } = bonjour as { server?: { mdns?: NodeJS.EventEmitter } };
  server?.mdns?.on('error', () => undefined);
}
