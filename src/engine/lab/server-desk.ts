import { randomUUID } from 'node:crypto';
import type { ServerState } from '../../contract/server-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { canonicalResource, parseResource } from '../../core/resource.ts';
import type { LabServer, LabServerEvent, LabServerOptions, Login } from '../../lab/lab-server.ts';
import type { LabPorts } from '../../lab/ports.ts';
import type { InstrumentLink } from '../acquisition/instrument-link.ts';
import type { HostServices } from '../host-services.ts';
import type { SecretStore } from '../secret-store.ts';
import type { EventLog } from '../state/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';
import { type AlarmNews, AlarmVoice } from './alarm-voice.ts';
import { BenchServer } from './bench-server.ts';
import { createRemoteLink } from './remote-link.ts';
import { saidName, saidText } from './said-text.ts';
import { parseServerAddress, type ServerAddress } from './server-address.ts';
import { readServers, type SavedServer, writeServers } from './server-file.ts';

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
  attached(): readonly { id: string; resource: string }[];
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

/** The lab servers of the bench: put on it, taken off it, their links, logins and locks; their equipment becomes links like any other. */
export class ServerDesk implements AsyncDisposable {
  readonly #parts: ServerDeskParts;
  readonly #limits: ServerDeskLimits;
  readonly #servers = new Map<string, BenchServer>();
  readonly #adding = new Map<string, Promise<BenchServer>>();
  readonly #closing = new AbortController();
  readonly #showing = new Map<string, Disposable>();
  readonly #retries = new Map<string, Disposable>();
  readonly #voices = new Map<string, AlarmVoice>();
  /** Links being made: none may outlive the desk. */
  readonly #connecting = new Set<Promise<void>>();
  #saving: Promise<void> = Promise.resolve();

  constructor(parts: ServerDeskParts) {
    this.#parts = parts;
    this.#limits = { ...LIMITS, ...parts.limits };
  }

  get all(): readonly BenchServer[] {
    return [...this.#servers.values()];
  }

  /** Connects those of last time; waits for none of them. */
  async open(): Promise<void> {
    const saved = await readServers(this.#parts.path).catch((error: unknown) => {
      this.#say('warning', `The list of lab servers cannot be read and is begun anew: ${LabError.from(error).message}`);
      return [];
    });
    for (const one of saved) {
      const server = this.#place(one);
      void this.#connect(server).catch(() => this.#tryLater(server));
    }
  }

  /** Throws call.invalid, call.limit, server.*: then it is not on the bench. */
  async add(request: {
    url: string;
    label?: string;
    token?: string;
    dialect?: SavedServer['dialect'];
  }): Promise<BenchServer> {
    const address = parseServerAddress(request.url);
    const known = this.#at(address.origin);
    if (known) {
      if (request.token ?? address.token) await this.#renew(known, request.token ?? address.token);
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
    const server = this.#servers.get(id);
    if (!server) throw new LabError('server.unknown', `No lab server ${id} is on the bench. Add it first.`, { id });
    return server;
  }

  async remove(id: string): Promise<void> {
    const server = this.find(id);
    // By its address: what it lists no longer is still its own.
    const { origin } = parseServerAddress(server.saved.url);
    for (const { id: instrument, resource } of this.#parts.attached())
      if (originOf(resource) === origin) await this.#parts.detach(instrument);
    this.#servers.delete(id);
    this.#forgetTimers(id);
    await server.lab?.[Symbol.asyncDispose]();
    await this.#forgetSecrets(id);
    this.#parts.board.publish('server.removed', { server: id });
    await this.#save();
  }

  async set(id: string, change: { label?: string | undefined; webSocket?: boolean | undefined }): Promise<ServerState> {
    const server = this.find(id);
    if (change.label !== undefined) server.saved.label = change.label;
    if (change.webSocket !== undefined) {
      server.saved.webSocket = change.webSocket;
      server.lab?.setSocket(change.webSocket);
    }
    await this.#save();
    return this.show(server);
  }

  /** Tries now: also one of which it is not known what it speaks. */
  reconnect(id: string): void {
    const server = this.find(id);
    if (server.lab) server.lab.reconnect();
    else void this.#connect(server).catch(() => this.#tryLater(server));
  }

  disconnect(id: string): void {
    this.find(id).lab?.disconnect();
  }

  /** Throws server.unsupported where there is no login, server.unauthorized, server.mfa-required, server.busy. */
  async login(id: string, login: Login): Promise<ServerState> {
    const server = this.find(id);
    const lab = server.open;
    if (!lab.login) throw unsupported(server, 'login');
    try {
      await lab.login(login, AbortSignal.any([AbortSignal.timeout(this.#limits.openMs), this.#closing.signal]));
    } catch (thrown) {
      const error = LabError.from(thrown);
      server.loginState = error.code === 'server.mfa-required' ? 'mfa' : 'needed';
      this.show(server);
      throw error;
    }
    server.saved.user = login.user;
    server.loginState = 'in';
    await this.#save();
    return this.show(server);
  }

  async logout(id: string): Promise<ServerState> {
    const server = this.find(id);
    await server.open.logout?.();
    server.loginState = 'none';
    server.saved.user = '';
    server.secret = undefined;
    await this.#forgetSecrets(id);
    await this.#save();
    return this.show(server);
  }

  /** What a server speaks, without putting it on the bench. */
  async inspect(url: string, token: string | undefined): Promise<LabServer> {
    const address = parseServerAddress(url);
    const signal = AbortSignal.any([AbortSignal.timeout(this.#limits.openMs), this.#closing.signal]);
    return this.#parts.open(this.#parts.ports, { url: address.url, token: token ?? address.token }, signal);
  }

  /** The link to one equipment. A server not on the bench is put on it. Throws resource.malformed, server.*. */
  async link(resource: string): Promise<InstrumentLink> {
    const parsed = parseResource(resource);
    if (parsed.kind !== 'server') throw new LabError('resource.malformed', `${resource} names no lab server.`);
    const scheme = parsed.isSecure ? 'https' : 'http';
    const server =
      this.#at(`${parsed.host}:${parsed.port}`) ??
      (await this.add({ url: `${scheme}://${parsed.host}:${parsed.port}` }));
    const { clock, timeoutMs } = this.#parts;
    return createRemoteLink({
      server: server.open,
      equipment: parsed.equipment,
      resource: parsed.canonical,
      clock,
      timeoutMs: timeoutMs(),
      streams: server.streams,
      sourceChanged: (stream, source, reason) => {
        const instrument = this.#attachedAt(parsed.canonical) ?? undefined;
        const text = `${server.saved.label}, ${parsed.equipment} ${stream}: ${SOURCE_WORDS[source]}${reason ? ` (${reason})` : ''}`;
        this.#parts.events.add({
          kind: 'server',
          severity: source === 'silent' ? 'warning' : 'info',
          text,
          data: { stream, source, reason },
          ...(instrument === undefined ? {} : { instrument }),
        });
      },
    });
  }

  /** Its traffic is shown again. */
  tick(): void {
    for (const server of this.#servers.values()) {
      if (!server.lab) continue;
      const drops = server.drops.look(this.show(server).streams, this.#parts.clock.monotonicMs());
      if (drops !== undefined) this.#say('warning', `${server.saved.label}: ${drops}`);
    }
  }

  /** Shows it now; gives what is shown. */
  show(server: BenchServer): ServerState {
    this.#showing.get(server.id)?.[Symbol.dispose]();
    this.#showing.delete(server.id);
    const { state } = server;
    if (this.#servers.has(server.id)) this.#parts.board.publish('server.changed', { server: state });
    return state;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new LabError('call.cancelled', 'The engine ends.'));
    for (const id of this.#servers.keys()) this.#forgetTimers(id);
    const servers = this.all;
    this.#servers.clear();
    await Promise.allSettled(this.#connecting);
    await Promise.allSettled(servers.map((server) => server.lab?.[Symbol.asyncDispose]()));
    await this.#saving;
  }

  async #add(
    address: ServerAddress,
    request: { label?: string; token?: string; dialect?: SavedServer['dialect'] },
  ): Promise<BenchServer> {
    if (this.#servers.size >= this.#limits.servers) {
      throw new LabError(
        'call.limit',
        `${this.#limits.servers} lab servers are on the bench already. Remove one first.`,
      );
    }
    const saved: SavedServer = {
      id: randomUUID(),
      url: address.url,
      label: request.label ?? address.origin,
      dialect: request.dialect ?? null,
      user: '',
      webSocket: true,
    };
    const token = request.token ?? address.token;
    if (token !== undefined) await this.#parts.secrets.write(secretOf(saved.id), token);
    const server = this.#place(saved);
    try {
      await this.#connect(server);
    } catch (error) {
      this.#servers.delete(saved.id);
      await this.#forgetSecrets(saved.id);
      this.#parts.board.publish('server.removed', { server: saved.id });
      throw notAdded(error, address);
    }
    await this.#save();
    return server;
  }

  #place(saved: SavedServer): BenchServer {
    const address = parseServerAddress(saved.url);
    const server = new BenchServer(saved, {
      clock: this.#parts.clock,
      kept: this.#parts.secrets.kept,
      attachedAt: (resource) => this.#attachedAt(resource),
      resourceOf: (equipment) =>
        canonicalResource(
          `${address.isSecure ? 'LABS' : 'LAB'}::${address.origin}::${encodeURIComponent(equipment)}::INSTR`,
        ),
    });
    this.#servers.set(saved.id, server);
    this.show(server);
    return server;
  }

  async #forgetSecrets(id: string): Promise<void> {
    for (const name of [secretOf(id), sessionOf(id)])
      await this.#parts.secrets.write(name, undefined).catch(() => undefined);
  }

  #attachedAt(resource: string): string | null {
    return this.#parts.attached().find((one) => one.resource === resource)?.id ?? null;
  }

  #connect(server: BenchServer): Promise<void> {
    const connecting = this.#connectNow(server);
    const settled = connecting.then(
      () => undefined,
      () => undefined,
    );
    this.#connecting.add(settled);
    void settled.then(() => this.#connecting.delete(settled));
    return connecting;
  }

  async #connectNow(server: BenchServer): Promise<void> {
    const { ports, secrets, open } = this.#parts;
    const { saved } = server;
    try {
      const token = await secrets.read(secretOf(saved.id)).catch(() => undefined);
      server.secret = token;
      const session = await secrets.read(sessionOf(saved.id)).catch(() => undefined);
      server.hasSession = session !== undefined;
      const onSession = (renewed: string | undefined): void => {
        server.hasSession = renewed !== undefined;
        void secrets.write(sessionOf(saved.id), renewed).catch(() => undefined);
      };
      const lab = await open(
        ports,
        { url: saved.url, token, session, onSession, webSocket: saved.webSocket, dialect: saved.dialect ?? undefined },
        AbortSignal.any([AbortSignal.timeout(this.#limits.openMs), this.#closing.signal]),
      );
      if (!this.#servers.has(saved.id)) {
        await lab[Symbol.asyncDispose]();
        return;
      }
      server.lab = lab;
      saved.dialect = lab.dialect;
      if (saved.label === parseServerAddress(saved.url).origin && lab.about.name !== '')
        saved.label = saidName(lab.about.name);
      if (token !== undefined || server.hasSession) server.loginState = 'in';
      lab.onEvent((event) => this.#heard(server, event));
      this.show(server);
      this.#parts.listed();
    } catch (thrown) {
      const error = LabError.from(thrown);
      server.failed(error);
      this.show(server);
      throw error;
    }
  }

  async #renew(server: BenchServer, token: string | undefined): Promise<void> {
    await this.#parts.secrets.write(secretOf(server.id), token);
    await server.lab?.[Symbol.asyncDispose]();
    server.lab = undefined;
    await this.#connect(server).catch((error: unknown) => {
      this.#tryLater(server);
      throw error;
    });
  }

  #heard(server: BenchServer, event: LabServerEvent): void {
    const isNews = server.take(event);
    if (event.kind === 'link') {
      this.show(server);
      return;
    }
    if (event.kind === 'equipment') this.#parts.listed();
    if (event.kind === 'alarm' && isNews) this.#alarm(server, event);
    if (event.kind === 'loss' && event.isUnaccounted)
      this.#say(
        'error',
        `${server.saved.label}: ${event.lost} rows of ${event.stream} are missing and nothing says why.`,
      );
    this.#showSoon(server);
  }

  #alarm(server: BenchServer, event: AlarmNews): void {
    const { clock, host } = this.#parts;
    const voice =
      this.#voices.get(server.id) ??
      new AlarmVoice({
        clock,
        line: (severity, text, atNs) => this.#say(severity, `${server.saved.label}: ${text}`, atNs),
        // The name stands in the text, too: screens show no title.
        notify: (severity, text) =>
          host.notify({ title: 'Alarm of a lab server', text: `${server.saved.label}: ${text}`, severity }),
      });
    this.#voices.set(server.id, voice);
    voice.heard({ ...event, text: saidText(event.text, server.secret === undefined ? [] : [server.secret]) });
  }

  #say(severity: 'info' | 'warning' | 'error' | 'critical', text: string, atNs?: bigint): void {
    this.#parts.events.add({ kind: 'server', severity, text, ...(atNs === undefined ? {} : { atNs }) });
  }

  #showSoon(server: BenchServer): void {
    if (this.#showing.has(server.id) || !this.#servers.has(server.id)) return;
    this.#showing.set(
      server.id,
      this.#parts.clock.after(this.#limits.showMs, () => this.show(server)),
    );
  }

  #tryLater(server: BenchServer): void {
    if (this.#closing.signal.aborted || !this.#servers.has(server.id)) return;
    this.#retries.get(server.id)?.[Symbol.dispose]();
    const timer = this.#parts.clock.after(this.#limits.againMs, () => {
      this.#retries.delete(server.id);
      if (!server.lab) void this.#connect(server).catch(() => this.#tryLater(server));
    });
    this.#retries.set(server.id, timer);
  }

  #forgetTimers(id: string): void {
    for (const timers of [this.#showing, this.#retries, this.#voices]) {
      timers.get(id)?.[Symbol.dispose]();
      timers.delete(id);
    }
  }

  #at(origin: string): BenchServer | undefined {
    return this.all.find(({ saved }) => parseServerAddress(saved.url).origin === origin);
  }

  #save(): Promise<void> {
    const write = (): Promise<void> =>
      writeServers(
        this.#parts.path,
        this.all.map(({ saved }) => saved),
      ).catch((error: unknown) => {
        this.#say('warning', `The list of lab servers could not be written: ${LabError.from(error).message}`);
      });
    this.#saving = this.#saving.then(write);
    return this.#saving;
  }
}

const SOURCE_WORDS = {
  live: 'rows come live',
  polled: 'rows are polled',
  filled: 'rows are filled in',
  silent: 'no rows come',
} as const;

/** `host:port` of the server an instrument is at; undefined for one that is at none. */
function originOf(resource: string): string | undefined {
  const parsed = parseResource(resource);
  return parsed.kind === 'server' ? `${parsed.host}:${parsed.port}` : undefined;
}

const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'the name is not known',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
  ECONNRESET: 'it ended the connection',
};

/** Why an address was not added, in words for who typed it; other errors stay as they are. */
function notAdded(thrown: unknown, { origin }: ServerAddress): LabError {
  const error = LabError.from(thrown);
  if (error.code !== 'server.unreachable') return error;
  const cause = String(error.details.cause ?? '');
  const why = cause.startsWith('HPE_') ? 'what answers there speaks no HTTP' : (CAUSES[cause] ?? cause);
  return new LabError(
    'server.unreachable',
    `No lab server answers at ${origin}${why === '' ? '' : `: ${why}`}. It was not added. Check that it runs, its address and its port.`,
    error.details,
    { cause: error },
  );
}

/** What renews a login. */
function sessionOf(id: string): string {
  return `session:${id}`;
}

function secretOf(id: string): string {
  return `server:${id}`;
}

function unsupported(server: BenchServer, what: string): LabError {
  return new LabError('server.unsupported', `${server.saved.label} offers no ${what}. Nothing was sent.`);
}
