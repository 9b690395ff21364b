import { apiRoot } from '../../protocol/lab/lablink-rest.ts';
import type { Dialect } from '../dialect.ts';
import type { LabServer, LabServerOptions } from '../lab-server.ts';
import type { LabPorts } from '../ports.ts';
import type { LabLinkAddress } from './address.ts';
import { lablinkAddress } from './address.ts';
import { LabLinkServer } from './lablink-server.ts';
import { recognizesLabLink } from './recognize.ts';

/** Longest time of the questions before the link is opened. */
const BEGIN_MS = 6000;

/** LabLink 1.x: its basic socket as shipped or repaired, its enhanced socket, and its REST calls. */
export const LABLINK: Dialect = {
  names: ['lablink', 'lablink-enhanced'],
  recognizes: recognizesLabLink,
  open: openLabLink,
};

/** The client of a LabLink server. Throws call.invalid for an address that is none; a server that does not answer is tried again and again. */
export async function openLabLink(ports: LabPorts, options: LabServerOptions): Promise<LabServer> {
  const address = lablinkAddress(options.url);
  const begin = new AbortController();
  const timer = ports.clock.after(BEGIN_MS, () => begin.abort());
  try {
    const server = new LabLinkServer(ports, options, address, await baseOf(ports, address, begin.signal));
    await server.begin(options, begin.signal);
    return server;
  } finally {
    timer[Symbol.dispose]();
  }
}

/** A socket on a port of its own leaves open where its REST calls are. */
async function baseOf(ports: LabPorts, { bases }: LabLinkAddress, signal: AbortSignal): Promise<string> {
  const [first = ''] = bases;
  if (bases.length === 1) return first;
  for (const base of bases) {
    try {
      const request = { method: 'GET' as const, url: `${base}/api`, timeoutMs: 2000, maxBytes: 65_536 };
      const answer = await ports.http(request, signal);
      const json: unknown = JSON.parse(new TextDecoder().decode(answer.body));
      if (answer.status === 200 && apiRoot.safeParse(json).success) return base;
    } catch {
      // The next one.
    }
  }
  return first;
}
