import type { IncomingHttpHeaders } from 'node:http';
import { hostname } from 'node:os';

export interface FenceOptions {
  /** Names this hub answers to beside localhost, this machine's own and numeric addresses; `*.lab.example` is one label before the rest. */
  hostNames: readonly string[];
  /** Pages of these origins may use the hub; those the hub itself serves always may. */
  origins: readonly string[];
}

export interface FenceRefusal {
  status: number;
  text: string;
}

/**
 * Why a request is turned away before anything looks at it; undefined: it may pass.
 *
 * A name that leads here by DNS rebinding is no name of ours (Host), and a page of another origin may not use the bench of the person who has it
 * open (Origin). Programs send no Origin.
 */
export function refuseRequest(headers: IncomingHttpHeaders, options: FenceOptions): FenceRefusal | undefined {
  const host = headers.host;
  if (host === undefined) return { status: 400, text: 'A request without Host.' };
  const name = hostName(host);
  if (name === undefined) return { status: 400, text: 'A Host that is none.' };
  const isOurs =
    isAddress(name) || ['localhost', ...ownNames(), ...options.hostNames].some((one) => isNamed(name, one));
  if (!isOurs)
    return {
      status: 421,
      text: `This hub is not ${name.slice(0, 100)}. Use its address, or share it with a certificate of that name.`,
    };
  const { origin } = headers;
  if (origin === undefined) return undefined;
  if (options.origins.includes(origin)) return undefined;
  try {
    if (new URL(origin).host === host) return undefined;
  } catch {
    // `null` and the like: said below.
  }
  return {
    status: 403,
    text: 'Pages of another origin may not use this bench. Allow the origin in the settings of the hub.',
  };
}

function hostName(host: string): string | undefined {
  try {
    return new URL(`http://${host}`).hostname.toLowerCase();
  } catch {
    return undefined;
  }
}

/** Numbers cannot be rebound. */
function isAddress(name: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(name) || /^\[[0-9a-f:.]+\]$/.test(name);
}

/** The last one is told by mDNS on the own network alone; no name server of elsewhere is asked for it. */
function ownNames(): string[] {
  const own = hostname().toLowerCase();
  const [label = own] = own.split('.');
  return [own, label, `${label}.local`];
}

function isNamed(name: string, pattern: string): boolean {
  if (!pattern.startsWith('*.')) return name === pattern;
  const at = name.indexOf('.');
  return at > 0 && name.slice(at) === pattern.slice(1);
}
