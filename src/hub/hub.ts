import { randomUUID } from 'node:crypto';
import { LABLINK_SETTINGS, type LablinkSettings } from '../contract/lablink-settings.ts';
import type { Link } from '../contract/link.ts';
import type { Clock } from '../core/clock.ts';
import { LabError } from '../core/errors.ts';
import { Scope } from '../core/scope.ts';
import type { Access } from './access/access.ts';
import { LockDesk } from './access/lock-desk.ts';
import { LockHistory } from './access/lock-history.ts';
import { isLoopback } from './access/place.ts';
import type { RoleOptions } from './access/role.ts';
import { AcquisitionBook } from './acquisition/acquisition-book.ts';
import type { HubBench } from './bench/hub-bench.ts';
import { BenchEvents } from './channels/bench-events.ts';
import { ChannelDesk } from './channels/channel-desk.ts';
import { HubEvents } from './channels/hub-events.ts';
import { CONNECTION_LIMITS, ConnectionBook, type ConnectionLimits } from './connection-book.ts';
import { ConnectionWatch } from './connection-watch.ts';
import { QueueBudget } from './delivery/queue-budget.ts';
import { DIALECTS } from './dialects.ts';
import type { HubLog } from './hub-log.ts';
import { HUB_LIMITS, type HubLimits, type HubParts } from './hub-parts.ts';
import { engineLocks } from './lablink/engine-locks.ts';
import { HubMetrics } from './metrics/hub-metrics.ts';
import { RecordingDesk } from './recording/recording-desk.ts';
import { SCREEN_LIMITS, type ScreenLimits } from './screen/screen-limits.ts';
import type { FenceOptions } from './server/fence.ts';
import { type OpenPort, openPort, type PortOptions, type TlsFiles } from './server/ports.ts';
import { openRest } from './server/rest.ts';
import { SocketGate } from './server/socket-gate.ts';
import { TurnedAway } from './turned-away.ts';

export interface HubOptions {
  clock: Clock;
  /** Owned by the caller, who disposes it after the hub. */
  bench: HubBench;
  access: Access;
  log: HubLog;
  /** Of this hub for ever (the bench's): hubs that pass on each other's instruments know loops by it. */
  id: string;
  name: string;
  version: string;
  /** The first is the one people are told; further ones have a fixed profile. */
  ports: readonly PortOptions[];
  tls?: TlsFiles | undefined;
  fence?: FenceOptions | undefined;
  roles?: RoleOptions | undefined;
  /** `connections`: sockets in all. */
  limits?: (HubLimits & Pick<ConnectionLimits, 'connections'>) | undefined;
  /** Options of LabLink's sockets; default LABLINK_SETTINGS. */
  ws?: LablinkSettings | undefined;
  /** Where dialects keep what outlives the hub (profiles, notes on alarms). Default: nowhere. */
  folder?: string | undefined;
  /** The built page (`out/renderer`). Default: none is served. */
  pageFolder?: string | undefined;
  /** A new trusted link to the engine, for each remote screen. Default: none is let in. */
  openEngineLink?: (() => Promise<Link>) | undefined;
  /** Default SCREEN_LIMITS. */
  screens?: ScreenLimits | undefined;
  /** How long who was taken off the bench by a person is refused; ms. Default 60 s. */
  turnAwayMs?: number | undefined;
  /** How long clients may take to let go at the end; ms. Default 5 s. */
  drainMs?: number | undefined;
}

/** A bench being shared. Disposing says goodbye to every client first. */
export interface Hub extends AsyncDisposable {
  readonly urls: readonly string[];
  readonly parts: HubParts;
  /** Ends with another notice than the usual one: `retryAfterS` is when clients should come back. */
  close(notice: { reason: string; retryAfterS: number }): Promise<void>;
}

const MAX_BODY_BYTES = 4 * 1024 * 1024;

/**
 * Shares the bench on its ports. Beyond loopback only with TLS, and nobody without a login.
 * Throws hub.insecure, hub.port-in-use, hub.no-address; nothing is open then.
 */
export async function openHub(options: HubOptions): Promise<Hub> {
  const scope = new Scope('hub');
  try {
    const { clock, bench, access, log, id, name, version } = options;
    const connections = new ConnectionBook(
      { ...CONNECTION_LIMITS, ...(options.limits ? { connections: options.limits.connections } : {}) },
      {
        watch: scope.use(new ConnectionWatch(access, clock)),
        turnedAway: new TurnedAway(clock, options.turnAwayMs),
      },
    );
    const lockHistory = new LockHistory();
    const say = (text: string): void => log.write('warning', 'locks.complaint', { text });
    const limits = options.limits ?? HUB_LIMITS;
    const parts: HubParts = {
      clock,
      bench,
      access,
      log,
      id,
      name,
      version,
      roles: options.roles ?? {},
      connections,
      channels: new ChannelDesk(clock),
      acquisitions: scope.use(new AcquisitionBook(bench, clock)),
      recordings: new RecordingDesk(bench, (options.ws ?? LABLINK_SETTINGS).recording),
      locks: scope.use(new LockDesk({ clock, port: engineLocks(bench.client), history: lockHistory, say })),
      lockHistory,
      limits,
      queues: new QueueBudget(limits.queueBytes),
      metrics: scope.use(new HubMetrics(connections)),
      instance: randomUUID(),
      startedNs: clock.nowNs(),
      ws: options.ws ?? LABLINK_SETTINGS,
      folder: options.folder,
      pageFolder: options.pageFolder,
      openEngineLink: options.openEngineLink,
      screens: options.screens ?? SCREEN_LIMITS,
      isOpen: options.ports.every(({ host }) => isLoopback(host)),
    };
    scope.use(
      access.onRevoked(() => {
        parts.locks
          .review((principal) => access.recheck(principal))
          .catch((thrown: unknown) => say(LabError.from(thrown).message));
      }),
    );
    scope.use(new BenchEvents(bench, parts.channels));
    scope.use(new HubEvents(parts, parts.channels));
    const fence = options.fence ?? { hostNames: [], origins: [] };
    const dialects = DIALECTS.map((open) => open(parts, scope));
    const rest = await openRest({
      parts,
      fence,
      maxBodyBytes: MAX_BODY_BYTES,
      routes: dialects.flatMap(({ routes }) => (routes ? [routes] : [])),
    });
    scope.defer(() => rest.app.close());
    const gate = new SocketGate(
      parts,
      fence,
      dialects.flatMap(({ doors }) => doors ?? []),
    );
    const ports: OpenPort[] = [];
    for (const port of options.ports) ports.push(scope.use(await openPort(port, options.tls, rest.listener, gate)));
    log.write('info', 'hub.opened', { urls: ports.map(({ url }) => url) });
    return new OpenHub(parts, ports, scope, options.drainMs ?? 5000);
  } catch (error) {
    await scope[Symbol.asyncDispose]().catch(() => undefined);
    throw error;
  }
}

class OpenHub implements Hub {
  readonly parts: HubParts;
  readonly urls: readonly string[];
  readonly #ports: readonly OpenPort[];
  readonly #scope: Scope;
  readonly #drainMs: number;
  #closed: Promise<void> | undefined;

  constructor(parts: HubParts, ports: readonly OpenPort[], scope: Scope, drainMs: number) {
    this.parts = parts;
    this.urls = ports.map(({ url }) => url);
    this.#ports = ports;
    this.#scope = scope;
    this.#drainMs = drainMs;
  }

  close(notice: { reason: string; retryAfterS: number }): Promise<void> {
    this.#closed ??= this.#end(notice);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close({ reason: 'The bench is not shared any more.', retryAfterS: 30 });
  }

  async #end(notice: { reason: string; retryAfterS: number }): Promise<void> {
    for (const port of this.#ports) port.stopListening();
    await this.parts.connections.retireAll({ ...notice, drainMs: this.#drainMs });
    await this.#scope[Symbol.asyncDispose]();
    this.parts.log.write('info', 'hub.closed', { reason: notice.reason });
  }
}
