import { placeOf } from '../access/place.ts';

/** A socket that has not said hello yet, or did just now. */
export interface Greeter {
  readonly address: string;
  readonly isGreeting: boolean;
  end(code: number, reason: string): void;
}

export interface GreetingLimits {
  /** Sockets in their greeting, of all networks. */
  maxGreeting: number;
  /** Of one network (an IPv4 address, the /64 of an IPv6 address). */
  maxGreetingPerNetwork: number;
}

/** Section 5.9: too much at once, come again. */
const CLOSE_BUSY = 1013;

/**
 * Sockets in their greeting. They have shown no login and count nowhere else, so who opens many and says nothing must keep out nobody but itself: beyond a
 * limit the oldest gives way, of that network, or of the network that has the most. A client that speaks is through within a round trip.
 */
export class GreetingBook {
  readonly #limits: GreetingLimits;
  /** The oldest first. */
  #greeters: Greeter[] = [];

  constructor(limits: GreetingLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#greeters.length;
  }

  /** One more; another one may have to go. */
  enter(greeter: Greeter): void {
    const { maxGreeting, maxGreetingPerNetwork } = this.#limits;
    this.#greeters = this.#greeters.filter(({ isGreeting }) => isGreeting);
    this.#greeters.push(greeter);
    const own = this.#of(placeOf(greeter.address));
    if (own.length > maxGreetingPerNetwork) this.#giveWay(own[0]);
    else if (this.#greeters.length > maxGreeting) this.#giveWay(this.#mostCrowded()[0]);
  }

  #of(place: string): Greeter[] {
    return this.#greeters.filter(({ address }) => placeOf(address) === place);
  }

  #mostCrowded(): Greeter[] {
    const places = [...new Set(this.#greeters.map(({ address }) => placeOf(address)))];
    return places.map((place) => this.#of(place)).reduce((most, some) => (some.length > most.length ? some : most), []);
  }

  #giveWay(greeter: Greeter | undefined): void {
    if (!greeter) return;
    this.#greeters = this.#greeters.filter((one) => one !== greeter);
    greeter.end(CLOSE_BUSY, 'Too many clients are greeting at once. retry_after=2');
  }
}
