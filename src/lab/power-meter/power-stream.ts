import { LabError } from '../../core/errors.ts';
import type { PowerSnapshot } from '../../protocol/lab/power-meter-message.ts';
import { parsePowerSnapshot } from '../../protocol/lab/power-meter-message.ts';
import { powerQuery } from '../../protocol/lab/power-meter-request.ts';
import type { LabOutlet, LabStream } from '../equipment.ts';
import type { LinkRules } from '../link/link-rules.ts';
import type { Link } from '../link/open-link.ts';
import { openLink } from '../link/open-link.ts';
import type { LinkSnapshot } from '../link-state.ts';
import type { LabPorts } from '../ports.ts';
import type { RestClient } from '../rest-client.ts';
import type { ArrivedRows, StreamSpec } from '../stream-keeper/stream-spec.ts';
import { StreamTable } from '../stream-keeper/stream-table.ts';
import type { PowerClock } from './power-clock.ts';
import { PowerProtocol } from './power-protocol.ts';
import { powerColumns, powerUnit } from './power-rows.ts';
import type { SocketPath } from './socket-path.ts';

/** What the streams of a server have in common. */
export interface PowerStreamPlace {
  ports: LabPorts;
  rest: RestClient;
  path: SocketPath;
  clock: PowerClock;
  rules: Partial<LinkRules>;
  isSocketOn(): boolean;
  /** The instrument is connected to its server, as far as is known: only then is a socket opened. */
  isGateOpen(): boolean;
  changed(): void;
  heartbeat(): void;
  hardwareError(module: number, message: string, count: number): void;
  recovered(module: number): void;
  loss(key: string, lost: number, reason: string, isUnaccounted: boolean): void;
}

/** The stream of one module: a socket of its own while it is wanted, at the shortest interval wanted; polled by snapshots when the socket gives nothing. */
export class PowerStream implements AsyncDisposable {
  readonly module: number;
  readonly key: string;
  readonly #place: PowerStreamPlace;
  readonly #protocol: PowerProtocol;
  readonly #table: StreamTable;
  #link: Link | undefined;
  #unit = '';
  #errors = 0;
  /** The next row is the first of its connection. */
  #isFirst = true;

  constructor(module: number, place: PowerStreamPlace) {
    this.module = module;
    this.key = `module${module}/power`;
    this.#place = place;
    this.#protocol = new PowerProtocol(place.path, module, 0.1, {
      opened: () => {
        this.#isFirst = true;
      },
      data: (snapshot) => this.#data(snapshot),
      heartbeat: () => place.heartbeat(),
      hardwareError: (message, count) => {
        this.#errors = count;
        place.hardwareError(module, message, count);
      },
    });
    this.#table = new StreamTable(place.ports, {
      onSummary: (summary) => this.#link?.setStreams(summary),
      onLoss: (key, lost, reason, isUnaccounted) => place.loss(key, lost, reason, isUnaccounted),
    });
  }

  get snapshot(): LinkSnapshot | undefined {
    return this.#link?.snapshot;
  }

  get traffic(): Link['traffic'] | undefined {
    return this.#link?.traffic;
  }

  get malformed(): number {
    return this.#protocol.malformed;
  }

  get unaccounted(): number {
    return this.#table.unaccounted;
  }

  get isWanted(): boolean {
    return this.#table.size > 0;
  }

  /** Throws call.invalid for an interval the server would refuse without a word. */
  open(intervalMs: number, outlet: LabOutlet): LabStream {
    powerQuery(this.module, intervalMs / 1000);
    const stream = this.#table.open(this.#spec(), intervalMs, outlet);
    this.#interval(this.#table.get(this.key)?.intervalMs ?? intervalMs);
    this.#keepLink();
    return {
      key: stream.key,
      get stats() {
        return stream.stats;
      },
      setInterval: (nextMs) => {
        powerQuery(this.module, nextMs / 1000);
        stream.setInterval(nextMs);
        this.#interval(this.#table.get(this.key)?.intervalMs ?? nextMs);
      },
      [Symbol.asyncDispose]: async () => {
        await stream[Symbol.asyncDispose]();
        await this.#release();
      },
    };
  }

  /** The gate opened or closed, the socket was switched on or off. */
  followGate(): void {
    this.#keepLink();
    if (!this.#link) return;
    const isStopped = this.#link.snapshot.word === 'disconnected' || this.#link.snapshot.word === 'idle';
    if (this.#place.isGateOpen() === !isStopped) return;
    if (isStopped) this.#link.reconnect();
    else this.#link.disconnect('The power meter is not connected to its server.');
  }

  reconnect(): void {
    if (this.#place.isGateOpen()) this.#link?.reconnect();
  }

  setSocket(on: boolean): void {
    this.#link?.setSocket(on);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#table[Symbol.dispose]();
    await this.#link?.[Symbol.asyncDispose]();
  }

  #keepLink(): void {
    if (this.#link || !this.isWanted) return;
    const { ports, rules } = this.#place;
    this.#link = openLink(this.#protocol, ports, {
      ...rules,
      isIdle: !this.#place.isGateOpen(),
      isOff: !this.#place.isSocketOn(),
      onChange: (snapshot, health) => {
        this.#table.setHealth(health, snapshot.reason);
        this.#place.changed();
      },
    });
    // The link may have changed before it was ours.
    this.#table.setHealth(this.#link.health, this.#link.snapshot.reason);
    this.#link.setStreams({ streams: this.#table.size, polled: 0, silent: 0, pollS: 0 });
    this.#place.changed();
  }

  async #release(): Promise<void> {
    if (this.isWanted) return;
    const link = this.#link;
    this.#link = undefined;
    this.#unit = '';
    await link?.[Symbol.asyncDispose]();
    this.#place.changed();
  }

  /** The interval is a parameter of the address: another one needs another connection. */
  #interval(intervalMs: number): void {
    const intervalS = intervalMs / 1000;
    this.#protocol.intervalS = intervalS;
    const { connectedIntervalS } = this.#protocol;
    if (connectedIntervalS !== 0 && connectedIntervalS !== intervalS) this.#link?.reconnect();
  }

  #spec(): StreamSpec {
    return {
      key: this.key,
      start: (intervalMs) => this.#interval(intervalMs),
      stop: () => undefined,
      poll: (signal) => this.#poll(signal),
      renew: (reason) => this.#link?.renew(reason),
    };
  }

  #data(snapshot: PowerSnapshot): void {
    if (this.#errors > 0) {
      this.#errors = 0;
      this.#place.recovered(this.module);
    }
    const row = this.#row(snapshot, this.#isFirst ? 'first' : 'next');
    this.#isFirst = false;
    this.#table.get(this.key)?.push(row);
  }

  async #poll(signal: AbortSignal): Promise<ArrivedRows | undefined> {
    const json = await this.#place.rest.get('/detector/snapshot', { query: { module: this.module }, signal });
    const snapshot = parsePowerSnapshot(json);
    if (!snapshot || snapshot.module !== this.module)
      throw new LabError('server.malformed', 'The server gave a snapshot that is none. It was left out.');
    return this.#row(snapshot, 'polled');
  }

  /** A change of unit opens the stream anew. */
  #row(snapshot: PowerSnapshot, how: 'first' | 'next' | 'polled'): ArrivedRows {
    const unit = powerUnit(snapshot.unit);
    if (unit !== this.#unit) {
      this.#unit = unit;
      this.#table.get(this.key)?.opened({ columns: powerColumns(unit), rateHz: 0 });
    }
    return this.#place.clock.row(snapshot, how);
  }
}
