import { randomUUID } from 'node:crypto';
import type { ServerState } from '../../contract/server-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { canonicalResource, parseResource } from '../../core/resource.ts';
import type { LabServer, LabServerOptions, Login } from '../../lab/lab-server.ts';
import type { LabPorts } from '../../lab/ports.ts';
import type { InstrumentLink } from '../acquisition/instrument-link.ts';
import type { HostServices } from '../host-services.ts';
import type { SecretStore } from '../secret-store.ts';
import type { EventLog } from '../state/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';
import { addRefusal } from './add-refusal.ts';
import { BenchServer } from './bench-server.ts';
import { createRemoteLink } from './remote-link.ts';
import { parseServerAddress, type ServerAddress } from './server-address.ts';
import { ServerBoard } from './server-board.ts';
import type { SavedServer } from './server-file.ts';
import { ServerList } from './server-list.ts';
import { ServerNews } from './server-news.ts';
import { ServerOpener } from './server-opener.ts';
import { ServerSecrets } from './server-secrets.ts';
import { trendCounts } from './server-trend.ts';

export interface ServerDeskParts {
  clock: Clock;
  board: StateBoard;
  events: EventLog;
  host: Pick<HostServices, 'notify'>;
  secrets: SecretStore;
  ports: LabPorts;
  path: string;
  timeoutMs(): number;
  /** Makes the client of a server: finds out what it speaks, unless that is known. */
  open(ports: LabPorts, options: LabServerOptions, signal: AbortSignal): Promise<LabServer>;
  /** What is attached, by where. */
  attached(): readonly { id: string; resource: string; hurry: { now(): void } }[];
  /** Detaches it. */
  detach(instrument: string): Promise<void>;
  /** A server lists its equipment: instruments of the bench that were absent may be there now. */
  listed(): void;
  limits?: Partial<ServerDeskLimits>;
}

export interface ServerDeskLimits {
  servers: number;
  /** Longest look at what a server speaks; ms. */
  openMs: number;
  /** What it says is shown so often at most; ms. */
  showMs: number;
  /** A server that could not be reached at the start of the engine is looked for again after so long; ms. */
  againMs: number;
}

const LIMITS: ServerDeskLimits = { servers: 50, openMs: 15_000, showMs: 500, againMs: 10_000 };

/** The lab servers of the bench: put on it, taken off it, set, logged in; their equipment becomes links like any other. */
export class ServerDesk implements AsyncDisposable {
  readonly #parts: ServerDeskParts;
  readonly #servers: ServerList;
  readonly #adding = new Map<string, Promise<BenchServer>>();
  readonly #secrets: ServerSecrets;
  readonly #shown: ServerBoard;
  readonly #news: ServerNews;
  readonly #opener: ServerOpener;

  constructor(parts: ServerDeskParts) {
    const { clock, board, events, host, ports, open } = parts;
    const { servers, openMs, showMs, againMs } = { ...LIMITS, ...parts.limits };
    this.#parts = parts;
    this.#servers = new ServerList(parts.path, servers, (text) => this.#news.say('warning', text));
    const isOnBench = (server: string): boolean => this.#servers.has(server);
    this.#secrets = new ServerSecrets(parts.secrets);
    this.#shown = new ServerBoard({ clock, board, showMs, isOnBench });
    this.#news = new ServerNews({ clock, events, host, shown: this.#shown, listed: (server) => this.#listed(server) });
    this.#opener = new ServerOpener({
      clock,
      ports,
      open,
      openMs,
      againMs,
      isOnBench,
      secrets: this.#secrets,
      shown: this.#shown,
      heard: (server, event) => this.#news.heard(server, event),
      opened: (server) => this.#listed(server),
    });
  }

  get all(): readonly BenchServer[] {
    return this.#servers.all;
  }

  /** Connects those of last time; waits for none of them. */
  async open(): Promise<void> {
    for (const one of await this.#servers.read()) this.#opener.keepTrying(this.#place(one));
  }

  /** Throws call.invalid, call.limit, server.*: then it is not on the bench. */
  async add(request: {
    url: string;
    label?: string;
    token?: string;
    dialect?: SavedServer['dialect'];
  }): Promise<BenchServer> {
    const address = parseServerAddress(request.url);
    const token = request.token ?? address.token;
    const under = this.#adding.get(address.origin);
    if (under && token === undefined) return under;
    // Its own token comes after what is under way.
    if (under) await under.catch(() => undefined);
    const known = this.#servers.at(address.origin);
    if (known) {
      if (token && !(known.secret === token && isUp(known))) await this.#renew(known, token);
      return known;
    }
    const adding = this.#adding.get(address.origin);
    if (adding) return adding;
    const added = this.#add(address, request).finally(() => this.#adding.delete(address.origin));
    this.#adding.set(address.origin, added);
    return added;
  }

  /** Throws server.unknown. */
  find(id: string): BenchServer {
    return this.#servers.find(id);
  }

  async remove(id: string): Promise<void> {
    const server = this.find(id);
    // By its address: what it lists no longer is still its own.
    const { origin } = parseServerAddress(server.saved.url);
    for (const { id: instrument, resource } of this.#parts.attached())
      if (originOf(resource) === origin) await this.#parts.detach(instrument);
    this.#servers.delete(id);
    this.#news.forget(id);
    await this.#opener.giveUp(server, leaving(server, 'was taken off the bench'));
    await this.#secrets.forget(id);
    this.#shown.removed(id);
    await this.#servers.save();
  }

  async set(id: string, change: { label?: string | undefined; webSocket?: boolean | undefined }): Promise<ServerState> {
    const server = this.find(id);
    if (change.label !== undefined) server.saved.label = change.label;
    if (change.webSocket !== undefined) {
      server.saved.webSocket = change.webSocket;
      server.lab?.setSocket(change.webSocket);
    }
    await this.#servers.save();
    return this.show(server);
  }

  /** Tries now: also one of which it is not known what it speaks. */
  reconnect(id: string): void {
    const server = this.find(id);
    if (server.lab) server.lab.reconnect();
    else this.#opener.keepTrying(server);
  }

  /** By the person: nothing is tried until `reconnect`, also where it is not known what it speaks. */
  disconnect(id: string): void {
    const server = this.find(id);
    if (server.lab) {
      server.lab.disconnect();
      return;
    }
    server.isStopped = true;
    void this.#opener.giveUp(server, leaving(server, 'was disconnected by hand'));
    this.show(server);
  }

  /** Throws server.unsupported where there is no login, server.unauthorized, server.mfa-required, server.busy. */
  async login(id: string, login: Login): Promise<ServerState> {
    const server = this.find(id);
    const lab = server.open;
    if (!lab.login) throw unsupported(server, 'login');
    try {
      using limit = this.#opener.patience();
      await lab.login(login, limit.signal);
    } catch (thrown) {
      const error = LabError.from(thrown);
      server.loginState = error.code === 'server.mfa-required' ? 'mfa' : 'needed';
      this.show(server);
      throw error;
    }
    server.saved.user = login.user;
    server.loginState = 'in';
    await this.#servers.save();
    return this.show(server);
  }

  /** Forgets the login and the token here, whatever the server says and however its link is. Throws server.unreachable and the like where the server could not be told. */
  async logout(id: string): Promise<ServerState> {
    const server = this.find(id);
    const { lab } = server;
    const isDeaf = lab !== undefined && !lab.logout && server.secret !== undefined;
    server.loginState = 'none';
    server.saved.user = '';
    server.secret = undefined;
    await this.#secrets.forget(id);
    // What has the token and cannot forget it goes: a client without a logout, a try, the client that came of one meanwhile.
    const isHeld = server.lab === lab ? isDeaf || this.#opener.isTrying(server) : server.lab !== undefined;
    if (isHeld && this.#servers.has(id)) {
      void this.#opener.giveUp(server, leaving(server, 'was logged out of and is connected anew'));
      this.#opener.keepTrying(server);
    }
    try {
      await lab?.logout?.();
    } finally {
      server.loginState = 'none';
      await this.#servers.save();
      this.show(server);
    }
    return this.show(server);
  }

  /** What a server speaks, without putting it on the bench. */
  async inspect(url: string, token: string | undefined): Promise<LabServer> {
    const address = parseServerAddress(url);
    return this.#opener.inspect(address.url, token ?? address.token);
  }

  /** The link to one equipment. A server not on the bench is put on it. Throws resource.malformed, server.*. */
  async link(resource: string): Promise<InstrumentLink> {
    const parsed = parseResource(resource);
    if (parsed.kind !== 'server') throw new LabError('resource.malformed', `${resource} names no lab server.`);
    const scheme = parsed.isSecure ? 'https' : 'http';
    const server =
      this.#servers.at(`${parsed.host}:${parsed.port}`) ??
      (await this.add({ url: `${scheme}://${parsed.host}:${parsed.port}` }));
    const { clock, timeoutMs } = this.#parts;
    const { equipment, canonical } = parsed;
    return createRemoteLink({
      server: server.open,
      left: server.left,
      equipment,
      resource: canonical,
      clock,
      timeoutMs: timeoutMs(),
      streams: server.streams,
      sourceChanged: (stream, source, reason) => {
        const instrument = this.#attachedAt(canonical);
        this.#news.sourceChanged(server, { equipment, stream, instrument }, source, reason);
      },
    });
  }

  /** Its traffic is shown again, and kept for its trend. */
  tick(): void {
    const { clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    const wallMs = Number(clock.nowNs() / 1_000_000n);
    for (const server of this.#servers.all) {
      if (!server.lab) continue;
      const state = this.show(server);
      server.trend.look(trendCounts(state), nowMs, wallMs);
      const drops = server.drops.look(state.streams, nowMs);
      if (drops !== undefined) this.#news.say('warning', `${server.saved.label}: ${drops}`);
    }
  }

  /** Shows it now; gives what is shown. */
  show(server: BenchServer): ServerState {
    return this.#shown.show(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#opener.stop();
    this.#shown[Symbol.dispose]();
    this.#news[Symbol.dispose]();
    const servers = this.all;
    this.#servers.clear();
    await this.#opener[Symbol.asyncDispose]();
    await Promise.allSettled(servers.map((server) => server.lab?.[Symbol.asyncDispose]()));
    await this.#servers.written;
  }

  async #add(
    address: ServerAddress,
    request: { label?: string; token?: string; dialect?: SavedServer['dialect'] },
  ): Promise<BenchServer> {
    this.#servers.admit();
    const saved: SavedServer = {
      id: randomUUID(),
      url: address.url,
      label: request.label ?? address.origin,
      dialect: request.dialect ?? null,
      user: '',
      webSocket: true,
    };
    const token = request.token ?? address.token;
    if (token !== undefined) await this.#secrets.keepToken(saved.id, token);
    const server = this.#place(saved);
    try {
      await this.#opener.connect(server);
    } catch (error) {
      // It may have been taken off meanwhile.
      if (this.#servers.has(saved.id)) {
        this.#servers.delete(saved.id);
        this.#shown.removed(saved.id);
      }
      void this.#opener.giveUp(server, LabError.from(error));
      await this.#secrets.forget(saved.id);
      throw addRefusal(error, address.origin);
    }
    await this.#servers.save();
    return server;
  }

  #place(saved: SavedServer): BenchServer {
    const address = parseServerAddress(saved.url);
    const server = new BenchServer(saved, {
      clock: this.#parts.clock,
      kept: this.#secrets.kept,
      attachedAt: (resource) => this.#attachedAt(resource),
      resourceOf: (equipment) =>
        canonicalResource(
          `${address.isSecure ? 'LABS' : 'LAB'}::${address.origin}::${encodeURIComponent(equipment)}::INSTR`,
        ),
    });
    this.#servers.add(server);
    this.show(server);
    return server;
  }

  #attachedAt(resource: string): string | null {
    return this.#parts.attached().find((one) => one.resource === resource)?.id ?? null;
  }

  /** What is behind it may be there now: what is absent is attached, what waits to come back tries at once. */
  #listed(server: BenchServer): void {
    const { origin } = parseServerAddress(server.saved.url);
    for (const { resource, hurry } of this.#parts.attached()) if (originOf(resource) === origin) hurry.now();
    this.#parts.listed();
  }

  /** Its client is given up for one with the token; instruments behind it seek their way back, which is a gap with that reason. */
  async #renew(server: BenchServer, token: string): Promise<void> {
    await this.#secrets.keepToken(server.id, token);
    if (!this.#servers.has(server.id)) await this.#secrets.forget(server.id);
    void this.#opener.giveUp(server, leaving(server, 'was given another token and is connected anew'));
    await this.#opener.connect(server).catch((error: unknown) => {
      this.#opener.tryLater(server);
      throw error;
    });
  }
}

/** `host:port` of the server an instrument is at; undefined for one that is at none. */
function originOf(resource: string): string | undefined {
  const parsed = parseResource(resource);
  return parsed.kind === 'server' ? `${parsed.host}:${parsed.port}` : undefined;
}

/** Why its client is given up: the reason of gaps and refusals behind it. */
function leaving({ saved }: BenchServer, what: string): LabError {
  return new LabError('server.closed', `${saved.label} ${what}.`, { id: saved.id });
}

/** With it nothing needs to be tried anew. */
function isUp({ lab }: BenchServer): boolean {
  return lab?.link.word === 'connected' || lab?.link.word === 'degraded';
}

function unsupported(server: BenchServer, what: string): LabError {
  return new LabError('server.unsupported', `${server.saved.label} offers no ${what}. Nothing was sent.`);
}
