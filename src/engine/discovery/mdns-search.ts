import { networkInterfaces } from 'node:os';
import { Bonjour, type Browser, type Service } from 'bonjour-service';
import { LabError } from '../../core/errors.ts';
import { foundByService, INSTRUMENT_SERVICES } from './mdns-announcement.ts';
import type { Search, SearchPlace } from './search.ts';

export interface MdnsOptions {
  /** How long a look listens. Answers come within 120 ms (RFC 6762 6), but what was sent a moment before only a second later. */
  lookMs: number;
  /** While watched: asked again so often, so that what went without a word is noticed. */
  askMs: number;
  /** Announced services that are kept at once. */
  maxServices: number;
}

export const MDNS_OPTIONS: MdnsOptions = { lookMs: 1500, askMs: 10_000, maxServices: 1000 };

/** Instruments that announce themselves in the local network: mDNS and DNS-SD (RFC 6762, 6763). */
export function createMdnsSearch(options: Partial<MdnsOptions> = {}): Search {
  const { lookMs, askMs, maxServices } = { ...MDNS_OPTIONS, ...options };
  return {
    source: 'mdns',
    async look(place) {
      const listening = listen(place, maxServices);
      try {
        await Promise.race([pause(lookMs, place.signal), listening.failed]);
      } finally {
        listening[Symbol.dispose]();
      }
    },
    watch(place, failed) {
      const listening = listen(place, maxServices);
      listening.failed.catch(failed);
      const timer = setInterval(() => listening.ask(), askMs);
      return {
        [Symbol.dispose]() {
          clearInterval(timer);
          listening[Symbol.dispose]();
        },
      };
    },
  };
}

interface Listening extends Disposable {
  /** Asks again and lets go of what has not answered within its time to live. */
  ask(): void;
  /** Rejects when mDNS cannot be heard. */
  failed: Promise<never>;
}

/** Throws `discovery.unavailable` without a network. */
function listen(place: SearchPlace, maxServices: number): Listening {
  if (!hasNetwork())
    throw new LabError(
      'discovery.unavailable',
      'This machine has no network besides itself, so nothing can announce itself. Connect it, then search again.',
    );
  let fail: (error: LabError) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  // Told again by whoever waits for it; nobody need.
  failed.catch(() => undefined);
  const problem = (error: unknown): void => {
    const text = error instanceof Error ? error.message : String(error);
    fail(
      new LabError(
        'discovery.unavailable',
        `Announcements cannot be heard (${text}). Check the network and that no other program holds UDP port 5353 for itself; type the address meanwhile.`,
      ),
    );
  };
  const bonjour = new Bonjour({}, problem);
  onSocketProblem(bonjour, problem);
  const browsers: Browser[] = INSTRUMENT_SERVICES.map((type) => bonjour.find({ type }));
  hearServices(browsers, place, maxServices);
  let isOver = false;
  return {
    failed,
    ask() {
      for (const browser of browsers) {
        browser.expire();
        browser.update();
      }
    },
    [Symbol.dispose]() {
      if (isOver) return;
      isOver = true;
      for (const browser of browsers) browser.stop();
      bonjour.destroy();
    },
  };
}

/**
 * Tells what browsers hear come and go. Of more services than the limit those that came last are forgotten, here and in the browsers: a network that
 * floods fills no memory. One that says goodbye makes room.
 */
export function hearServices(
  browsers: readonly Browser[],
  { found, lost }: Pick<SearchPlace, 'found' | 'lost'>,
  maxServices: number,
): void {
  /** Services by resource: the same way may be announced twice. */
  const byResource = new Map<string, Set<string>>();
  const up = (service: Service): void => {
    const row = foundOf(service);
    if (!row) return;
    const names = byResource.get(row.resource) ?? new Set();
    byResource.set(row.resource, names.add(service.fqdn));
    found(row);
  };
  const down = (service: Service): void => {
    const row = foundOf(service);
    const names = row && byResource.get(row.resource);
    if (!row || !names?.delete(service.fqdn) || names.size > 0) return;
    byResource.delete(row.resource);
    lost(row.resource);
  };
  const moved = (now: Service, before: Service): void => {
    if (foundOf(now)?.resource !== foundOf(before)?.resource) down(before);
    up(now);
  };
  for (const browser of browsers) {
    browser.on('up', (service: Service) => {
      const count = browsers.reduce((sum, { services }) => sum + services.length, 0);
      if (count > maxServices) forget(browser, service.fqdn);
      else up(service);
    });
    browser.on('down', down);
    browser.on('txt-update', moved);
    browser.on('srv-update', moved);
  }
}

/** The list of a browser has no limit of its own, and what takes a service off it is a member the types do not show. */
function forget(browser: object, fqdn: string): void {
  (browser as { removeService?(fqdn: string): void }).removeService?.(fqdn);
}

function foundOf(service: Service): ReturnType<typeof foundByService> {
  const { type, name, host, port, addresses = [], referer, txt } = service;
  const fields: unknown = txt;
  return foundByService({
    type,
    name,
    host,
    port,
    addresses,
    from: referer?.address,
    txt: typeof fields === 'object' && fields !== null ? (fields as Record<string, unknown>) : {},
  });
}

/** Its socket's errors come as events of a member the types do not show; unheard, one would end the process. */
function onSocketProblem(bonjour: object, problem: (error: unknown) => void): void {
  const { server } = bonjour as { server?: { mdns?: NodeJS.EventEmitter } };
  server?.mdns?.on('error', problem);
}

function hasNetwork(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ family, internal }) => family === 'IPv4' && !internal),
  );
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}
