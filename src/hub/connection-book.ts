import { LabError } from '../core/errors.ts';
import { TAKEN_OFF } from '../core/taken-off.ts';
import { ANONYMOUS } from './access/principal.ts';
import type { ConnectionWatch, Watched } from './connection-watch.ts';
import type { TurnedAway } from './turned-away.ts';

/** What a hub connection speaks. */
export type HubDialect = 'labwire.1' | 'lablink' | 'lablink-enhanced' | 'power-meter' | 'neurograph' | 'sse' | 'screen';

/** Counts of one connection, for lists, gauges and metrics. */
export interface ConnectionCounts {
  /** Messages handed to the socket since it opened. */
  sent: number;
  received: number;
  bytesSent: number;
  bytesReceived: number;
  /** Waiting now. */
  queued: number;
  /** 0…1 of what may wait. */
  utilization: number;
  dropped: number;
  conflated?: number;
  decimated?: number;
  /** Of compression, 1–9; 0: none. */
  level?: number;
  roundTripMs?: number | null;
  state: 'normal' | 'backpressure' | 'emergency';
  streams: number;
  /** Raw and wire bytes of what was compressed. */
  rawBytes: number;
  wireBytes: number;
}

/** One client on one socket. */
export interface HubConnection extends Watched {
  /** Unique in the hub's run; told to the client. */
  readonly id: string;
  readonly dialect: HubDialect;
  readonly address: string;
  readonly openedNs: bigint;
  counts(): ConnectionCounts;
  /** The same figures in the words of its dialect's `get_stats`. */
  stats?(): Record<string, unknown>;
  /** Says goodbye as its dialect does, lets out what is queued, closes; resolves when closed, at the latest after `drainMs`. */
  retire(notice: { reason: string; retryAfterS: number; drainMs: number }): Promise<void>;
}

/** A client whose connection broke and whose session waits for it. */
export interface LostConnection extends Pick<HubConnection, 'id' | 'principal' | 'dialect' | 'address' | 'openedNs'> {
  /** How long it may still come back; s. */
  leftS: number;
  /** Gives it up. */
  end(): void;
}

export interface ConnectionLimits {
  /** Sockets of one listener in all. */
  connections: number;
  perAddress: number;
  perUser: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = { connections: 256, perAddress: 64, perUser: 32 };

/** Who looks after the connections of a book. */
export interface ConnectionKeepers {
  /** Ends those whose login is over. */
  watch?: ConnectionWatch | undefined;
  /** Keeps those away for a while that a person took off. */
  turnedAway?: TurnedAway | undefined;
}

/** Every open connection of the hub. */
export class ConnectionBook {
  readonly #limits: ConnectionLimits;
  readonly #watch: ConnectionWatch | undefined;
  readonly #turnedAway: TurnedAway | undefined;
  readonly #open = new Map<string, HubConnection>();
  readonly #listeners = new Set<() => void>();
  readonly #lost: (() => readonly LostConnection[])[] = [];
  #opened = 0;

  constructor(limits: ConnectionLimits = CONNECTION_LIMITS, { watch, turnedAway }: ConnectionKeepers = {}) {
    this.#limits = limits;
    this.#watch = watch;
    this.#turnedAway = turnedAway;
  }

  get all(): readonly HubConnection[] {
    return [...this.#open.values()];
  }

  get size(): number {
    return this.#open.size;
  }

  /** Connections since the hub began. */
  get opened(): number {
    return this.#opened;
  }

  find(id: string): HubConnection | undefined {
    return this.#open.get(id);
  }

  /** Whether one more of this address and user may come. Throws hub.rate-limited. */
  admit(address: string, user: string): void {
    this.#turnedAway?.check(address, user);
    const { connections, perAddress, perUser } = this.#limits;
    const all = [...this.#open.values()];
    const isFull =
      all.length >= connections ||
      all.filter((one) => one.address === address).length >= perAddress ||
      (user !== ANONYMOUS.user && all.filter(({ principal }) => principal.user === user).length >= perUser);
    if (isFull)
      throw new LabError('hub.rate-limited', 'Too many connections are open. Close one, then try again.', {
        retryAfterS: 5,
      });
  }

  /** Clients that may come back. */
  get lost(): readonly LostConnection[] {
    return this.#lost.flatMap((list) => list());
  }

  /** A dialect whose sessions outlive their sockets lists those that wait. */
  listLost(list: () => readonly LostConnection[]): void {
    this.#lost.push(list);
  }

  /** A person ends it: it is not to come again by itself, and that user at that address is refused for a while. */
  takeOff(connection: HubConnection, why: string): void {
    this.#turnedAway?.add(connection.address, connection.principal.user, why);
    connection.end(TAKEN_OFF, why);
  }

  /** Disposing takes it out. */
  add(connection: HubConnection): Disposable {
    this.#open.set(connection.id, connection);
    this.#opened++;
    this.#watch?.watch(connection);
    this.#tell();
    return {
      [Symbol.dispose]: () => {
        if (this.#open.get(connection.id) !== connection) return;
        this.#open.delete(connection.id);
        this.#watch?.forget(connection);
        this.#tell();
      },
    };
  }

  /** Its principal has another end now: a newer token came over it. */
  renewed(connection: HubConnection): void {
    if (this.#open.get(connection.id) === connection) this.#watch?.watch(connection);
  }

  /** Told when one comes or goes. */
  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Retires all at once. */
  async retireAll(notice: { reason: string; retryAfterS: number; drainMs: number }): Promise<void> {
    await Promise.allSettled(this.all.map((connection) => connection.retire(notice)));
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
