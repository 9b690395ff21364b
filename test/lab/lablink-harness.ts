import type { Clock } from '../../src/core/clock.ts';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import type { LabStream } from '../../src/lab/equipment.ts';
import type { LabServer, LabServerOptions } from '../../src/lab/lab-server.ts';
import { openLabLink } from '../../src/lab/lablink/dialect.ts';
import type { LabLinkOptions } from '../servers/lablink/mode.ts';
import type { LabLinkServer } from '../servers/lablink/server.ts';
import { startLabLinkServer } from '../servers/lablink/server.ts';
import { RecordedEvents, RecordedOutlet } from './recorded-outlet.ts';

export const SUPPLY = 'ps_250e6dfe';
export const LOAD = 'load_47fa0d5c';
export const SCOPE = 'scope_386959fc';

/** A client of a LabLink server of its own, over real sockets. */
export interface LabLinkLab extends AsyncDisposable {
  readonly server: LabLinkServer;
  readonly lab: LabServer;
  readonly events: RecordedEvents;
  /** A stream that is wanted, and what it delivers. */
  watch(equipment: string, stream: string, intervalMs?: number): RecordedOutlet & { stream: LabStream };
  /** Asks the server's own REST, as another client would. */
  ask(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Record<string, unknown>>;
}

export interface HarnessOptions extends LabLinkOptions {
  lab?: Partial<LabServerOptions>;
  clock?: Clock;
  /** Before the client comes. */
  prepare?(server: LabLinkServer): Promise<void>;
  /** Of the client, where it is not the server's own (a proxy). */
  through?(server: LabLinkServer): Promise<number>;
}

export async function openLabLinkLab(options: HarnessOptions = {}): Promise<LabLinkLab> {
  const { lab: labOptions, clock = createSystemClock(), prepare, through, ...serverOptions } = options;
  const server = await startLabLinkServer({ delays: 0.1, ...serverOptions });
  await prepare?.(server);
  const ports = createNodePorts(clock);
  const url = `http://127.0.0.1:${through ? await through(server) : server.port}`;
  const lab = await openLabLink(ports, { url, ...labOptions });
  const events = new RecordedEvents(lab);
  return {
    server,
    lab,
    events,
    watch(equipment, stream, intervalMs = 50) {
      const outlet = new RecordedOutlet();
      return Object.assign(outlet, { stream: lab.openStream(equipment, stream, intervalMs, outlet) });
    },
    ask: (method, path, body) => askServer(server, method, path, body),
    async [Symbol.asyncDispose]() {
      events[Symbol.dispose]();
      await lab[Symbol.asyncDispose]();
      ports[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

export async function askServer(
  server: LabLinkServer,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
): Promise<Record<string, unknown>> {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const response = await fetch(`${server.url}${path}`, init);
  return (await response.json()) as Record<string, unknown>;
}

/** Connects the mocks over REST, as somebody at a shipped server must. */
export async function connectMocks(server: LabLinkServer, names = ['SCOPE', 'PSU', 'LOAD']): Promise<void> {
  const models: Record<string, [string, string]> = {
    SCOPE: ['oscilloscope', 'MockScope-2000'],
    PSU: ['power_supply', 'MockPSU-3030'],
    LOAD: ['electronic_load', 'MockLoad-300'],
  };
  for (const name of names) {
    const [equipment_type, model] = models[name] ?? ['', ''];
    await askServer(server, 'POST', '/api/equipment/connect', {
      resource_string: `MOCK::${name}::0`,
      equipment_type,
      model,
    });
  }
}

export function soon(ms = 10_000): AbortSignal {
  return AbortSignal.timeout(ms);
}
