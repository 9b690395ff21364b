import { LabError } from '../../core/errors.ts';
import type { LinkProtocol } from '../link-protocol.ts';
import type { LinkSnapshot } from '../link-state.ts';
import type { LinkPorts, SocketData } from '../ports.ts';
import { Connection } from './connection.ts';
import type { LinkEvent, LinkMachine, LinkTimer, StreamSummary } from './link-machine.ts';
import { hasSocket, IDLE_LINK } from './link-machine.ts';
import type { LinkRules } from './link-rules.ts';
import { LINK_RULES } from './link-rules.ts';
import { LinkTraffic } from './link-traffic.ts';
import type { LinkHealth } from './link-view.ts';
import { linkHealth, linkSnapshot } from './link-view.ts';
import { ListenProbe } from './listen-probe.ts';
import { isNearHost, tcpTarget } from './private-address.ts';
import { stepLink } from './step-link.ts';

export interface LinkOptions extends Partial<LinkRules> {
  /** True: begins `idle`, until `reconnect`. */
  isIdle?: boolean;
  /** Begins with the WebSocket switched off. */
  isOff?: boolean;
  /** After every change, from inside it; it may call the link. It must not throw. */
  onChange?(snapshot: LinkSnapshot, health: LinkHealth): void;
  /** The system woke or the network changed: clocks of servers begin anew. */
  onWake?(): void;
}

/** A socket that comes back by itself, speaking one protocol; see `LinkMachine` for its states. Made by `openLink`. */
export interface Link extends AsyncDisposable {
  readonly snapshot: LinkSnapshot;
  readonly health: LinkHealth;
  /** The phase is `ready`. */
  readonly isReady: boolean;
  readonly traffic: LinkTraffic;
  /** What the socket could not yet give to the system. */
  readonly bufferedBytes: number;
  /** On the connection that is open; false: there is none, nothing was sent. */
  send(data: SocketData): boolean;
  /** Tries at once, whatever it waits for; a connection that stands is made anew. While the WebSocket is off: nothing. */
  reconnect(): void;
  /** By the person: no tries until `reconnect`. */
  disconnect(reason?: string): void;
  /** Makes the connection anew, but no sooner than `renewAfterMs` after it was ready; many wishes are one. */
  renew(reason: string): void;
  /** WebSocket on or off. */
  setSocket(on: boolean): void;
  /** How the streams get their rows: makes `connected` or `degraded`. */
  setStreams(summary: StreamSummary): void;
}

/** Opens a link. Nothing throws: what goes wrong is in `snapshot`. Disposed, it has no timer and resolves when the socket is gone. */
export function openLink(protocol: LinkProtocol, ports: LinkPorts, options: LinkOptions = {}): Link {
  return new RunningLink(protocol, ports, options);
}

/** Keeps sockets, timers, probe and refresh as the machine says. */
class RunningLink implements Link {
  readonly traffic: LinkTraffic;
  readonly #protocol: LinkProtocol;
  readonly #ports: LinkPorts;
  readonly #options: LinkOptions;
  readonly #rules: LinkRules;
  readonly #timers = new Map<LinkTimer, { dueMs: number; timer: Disposable }>();
  readonly #queue: LinkEvent[] = [];
  readonly #leaving = new Set<Connection>();
  readonly #network: Disposable;
  #machine: LinkMachine = IDLE_LINK;
  #snapshot: LinkSnapshot;
  #connection: Connection | undefined;
  #refresh: AbortController | undefined;
  #probe: ListenProbe | undefined;
  #isStepping = false;
  #isDisposed = false;

  constructor(protocol: LinkProtocol, ports: LinkPorts, options: LinkOptions) {
    this.#protocol = protocol;
    this.#ports = ports;
    this.#options = options;
    this.#rules = withDefaults(options, protocol.handshakeMs);
    this.traffic = new LinkTraffic(ports.clock);
    this.#snapshot = linkSnapshot(this.#machine, this.#rules, ports.clock.monotonicMs());
    this.#network = ports.onNetworkChange(() => this.#wake());
    if (options.isOff) this.#step({ kind: 'socket', on: false });
    if (!options.isIdle) this.#step({ kind: 'reconnect' });
  }

  get snapshot(): LinkSnapshot {
    return this.#snapshot;
  }

  get health(): LinkHealth {
    return linkHealth(this.#machine);
  }

  get isReady(): boolean {
    return this.#machine.phase === 'ready';
  }

  get bufferedBytes(): number {
    return this.#connection?.bufferedBytes ?? 0;
  }

  send(data: SocketData): boolean {
    return this.#connection?.send(data) ?? false;
  }

  reconnect(): void {
    this.#step({ kind: 'reconnect' });
  }

  disconnect(reason = 'Disconnected by hand.'): void {
    this.#step({ kind: 'disconnect', reason });
  }

  renew(reason: string): void {
    this.#step({ kind: 'renew', reason });
  }

  setSocket(on: boolean): void {
    this.#step({ kind: 'socket', on });
  }

  setStreams(summary: StreamSummary): void {
    this.#step({ kind: 'streams', summary });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#step({ kind: 'disconnect', reason: 'Closed.' });
    this.#isDisposed = true;
    this.#network[Symbol.dispose]();
    await Promise.all([...this.#leaving].map((connection) => connection.gone));
  }

  #wake(): void {
    this.#options.onWake?.();
    this.#connection?.suspect(this.#rules.suspectMs);
    this.#step({ kind: 'wake' });
  }

  /** One event after the other, even if one causes the next. */
  #step(event: LinkEvent): void {
    if (this.#isDisposed) return;
    this.#queue.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) this.#apply(next);
    } finally {
      this.#isStepping = false;
    }
  }

  #apply(event: LinkEvent): void {
    const before = this.#machine;
    const at = { nowMs: this.#ports.clock.monotonicMs(), random: this.#ports.random() };
    const after = stepLink(before, event, this.#rules, at);
    if (after === before) return;
    this.#machine = after;
    if (after.phase === 'ready' && before.phase !== 'ready') this.traffic.connections++;
    this.#keepTimers(after);
    this.#keepSocket(before, after);
    this.#keepRefresh(after);
    this.#keepProbe(before, after);
    this.#publish();
  }

  #keepTimers({ dueMs }: LinkMachine): void {
    for (const timer of ['exit', 'steady', 'renew'] as const) {
      const due = dueMs[timer];
      const kept = this.#timers.get(timer);
      if (kept?.dueMs === due) continue;
      kept?.timer[Symbol.dispose]();
      this.#timers.delete(timer);
      if (due === undefined) continue;
      const wait = Math.max(0, due - this.#ports.clock.monotonicMs());
      this.#timers.set(timer, { dueMs: due, timer: this.#ports.clock.after(wait, () => this.#due(timer)) });
    }
  }

  #due(timer: LinkTimer): void {
    const kept = this.#timers.get(timer);
    this.#timers.delete(timer);
    // Timers of systems may come a fraction early; the machine would not take it, so it is set again.
    if (kept && kept.dueMs > this.#ports.clock.monotonicMs()) this.#keepTimers(this.#machine);
    else this.#step({ kind: 'due', timer });
  }

  #keepSocket(before: LinkMachine, after: LinkMachine): void {
    const isSame = after.connection === before.connection && hasSocket(after);
    if (isSame) return;
    if (this.#connection) this.#leave(this.#connection, after);
    this.#connection = undefined;
    if (!hasSocket(after)) return;
    try {
      this.#connection = new Connection(after.connection, this.#protocol, this.#ports, this.traffic, (event) =>
        this.#step(event),
      );
    } catch (thrown) {
      this.#step({ kind: 'fatal', connection: after.connection, error: LabError.from(thrown) });
    }
  }

  #leave(connection: Connection, { parting }: LinkMachine): void {
    this.#leaving.add(connection);
    void connection.gone.then(() => this.#leaving.delete(connection));
    connection.leave(parting);
  }

  #keepRefresh(after: LinkMachine): void {
    const isWanted = after.phase === 'refreshing';
    if (isWanted === (this.#refresh !== undefined)) return;
    this.#refresh?.abort(new LabError('call.cancelled', 'The new token is not needed any more.'));
    this.#refresh = undefined;
    if (!isWanted) return;
    const stop = new AbortController();
    this.#refresh = stop;
    const tell = (event: LinkEvent): void => {
      if (!stop.signal.aborted) this.#step(event);
    };
    if (!this.#protocol.refresh) {
      tell({ kind: 'refresh-failed', error: noRefresh(after.reason) });
      return;
    }
    this.#protocol.refresh(stop.signal).then(
      () => tell({ kind: 'refreshed' }),
      (thrown: unknown) => tell({ kind: 'refresh-failed', error: LabError.from(thrown) }),
    );
  }

  #keepProbe(before: LinkMachine, after: LinkMachine): void {
    const isWait = after.phase === 'waiting';
    // Each wait begins with a new probe: whether the port was closed is asked anew.
    if (isWait && before.phase === 'waiting' && before.attempt === after.attempt) return;
    this.#probe?.[Symbol.dispose]();
    this.#probe = undefined;
    const ask = this.#ports.isListening?.bind(this.#ports);
    const target = isWait && ask ? tcpTarget(this.#url()) : undefined;
    if (!target || !ask || !isNearHost(target.host)) return;
    this.#probe = new ListenProbe(this.#ports.clock, ask, target, this.#rules.listenMs, () =>
      this.#step({ kind: 'listening' }),
    );
  }

  #url(): string {
    try {
      return this.#protocol.url();
    } catch {
      return '';
    }
  }

  #publish(): void {
    const { clock } = this.#ports;
    const next = linkSnapshot(this.#machine, this.#rules, this.#snapshot.sinceMs);
    if (next.word !== this.#snapshot.word) next.sinceMs = clock.monotonicMs();
    this.#snapshot = next;
    this.#options.onChange?.(next, this.health);
  }
}

function withDefaults(options: LinkOptions, handshakeMs: number): LinkRules {
  const rules: LinkRules = { ...LINK_RULES, handshakeMs };
  for (const key of Object.keys(LINK_RULES) as (keyof LinkRules)[]) {
    if (options[key] !== undefined) Object.assign(rules, { [key]: options[key] });
  }
  return rules;
}

function noRefresh(reason: string): LabError {
  return new LabError(
    'server.unauthorized',
    `The lab server refuses the login${reason ? ` (${reason})` : ''}. Nothing comes live from it; log in, or give a token.`,
  );
}
