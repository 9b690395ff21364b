import type { Clock } from '../../core/clock.ts';
import { accessibleChannels, NEUROGRAPH_CHANNELS } from '../../protocol/lab/neurograph-role.ts';

/** Channels asked for within so long go into one message: the server takes 30 of them and then one a second; ms. */
const BATCH_MS = 50;

export interface ChannelMessages {
  subscribe(channels: readonly string[]): Promise<{ channels: readonly string[]; denied: readonly string[] }>;
  unsubscribe(channels: readonly string[]): Promise<void>;
  /** What is subscribed or denied changed. */
  changed(): void;
}

/**
 * Which channels are wanted, given and denied. What is wanted is said anew on every connection, whatever the server restored. Channels a known role cannot have are
 * not asked for.
 */
export class ChannelDesk {
  readonly #clock: Clock;
  readonly #messages: ChannelMessages;
  /** Wanted, and by how many. */
  readonly #wanted = new Map<string, number>();
  readonly #given = new Set<string>();
  readonly #denied = new Set<string>();
  #role: string | undefined;
  #isOpen = false;
  #timer: Disposable | undefined;
  /** Connections counted: an answer of one before changes nothing. */
  #connection = 0;
  #isAsking = false;

  constructor(clock: Clock, messages: ChannelMessages) {
    this.#clock = clock;
    this.#messages = messages;
  }

  get given(): readonly string[] {
    const known: readonly string[] = NEUROGRAPH_CHANNELS;
    return [
      ...known.filter((name) => this.#given.has(name)),
      ...[...this.#given].filter((name) => !known.includes(name)),
    ];
  }

  /** Denied by the server, or out of reach of the role before anything was asked. */
  get denied(): readonly string[] {
    return [...new Set([...this.#denied, ...this.#outOfReach()])];
  }

  /** Everything asked for was denied. */
  get isAllDenied(): boolean {
    return this.#isOpen && this.#given.size === 0 && this.#denied.size > 0;
  }

  want(channel: string): void {
    this.#wanted.set(channel, (this.#wanted.get(channel) ?? 0) + 1);
    this.#plan();
  }

  unwant(channel: string): void {
    const count = (this.#wanted.get(channel) ?? 0) - 1;
    if (count > 0) this.#wanted.set(channel, count);
    else this.#wanted.delete(channel);
    this.#plan();
  }

  /** A connection is ready. `role` undefined: nobody's. */
  opened(role: string | undefined): void {
    this.#isOpen = true;
    this.#isAsking = false;
    this.#connection++;
    this.#role = role;
    this.#given.clear();
    this.#denied.clear();
    void this.#settle();
  }

  ended(): void {
    this.#isOpen = false;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#given.clear();
  }

  #plan(): void {
    if (!this.#isOpen || this.#timer) return;
    this.#timer = this.#clock.after(BATCH_MS, () => {
      this.#timer = undefined;
      void this.#settle();
    });
  }

  /** Asks for all that is missing in one message, gives up all that is not wanted in another. One at a time; what is wanted meanwhile is asked next. */
  async #settle(): Promise<void> {
    if (this.#isAsking) return this.#plan();
    const connection = this.#connection;
    const outOfReach = this.#outOfReach();
    const missing = [...this.#wanted.keys()].filter(
      (name) => !this.#given.has(name) && !this.#denied.has(name) && !outOfReach.includes(name),
    );
    const surplus = [...this.#given].filter((name) => !this.#wanted.has(name));
    if (missing.length + surplus.length === 0) return this.#messages.changed();
    this.#isAsking = true;
    try {
      const answer = missing.length > 0 ? await this.#messages.subscribe(missing) : { channels: [], denied: [] };
      if (surplus.length > 0) await this.#messages.unsubscribe(surplus);
      if (connection !== this.#connection || !this.#isOpen) return;
      for (const name of answer.channels) this.#given.add(name);
      for (const name of answer.denied) this.#denied.add(name);
      for (const name of surplus) this.#given.delete(name);
    } catch {
      // The connection ended, or the server refused for good: the next wish or connection asks again.
    } finally {
      if (connection === this.#connection) this.#isAsking = false;
    }
    this.#messages.changed();
  }

  /** Of a role that is one of the five; of any other the server decides. */
  #outOfReach(): readonly string[] {
    const open = accessibleChannels(this.#role);
    if (open.length === 0) return [];
    return NEUROGRAPH_CHANNELS.filter((name) => !open.includes(name));
  }
}
