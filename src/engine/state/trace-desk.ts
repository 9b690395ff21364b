import type { ExchangeRecord } from '../../contract/instrument-schema.ts';
import type { ScreenContext, ServedScreen } from '../../contract/serve.ts';
import type { Clock } from '../../core/clock.ts';

/** Exchanges go out in groups; ms. */
const GROUP_MS = 50;
/** More than these in a group: the newest are sent, the rest is to be asked for with `instrument.exchanges`. */
const GROUP_MOST = 200;

/** Sends the exchanges of all instruments to the screens that asked for them. */
export class TraceDesk {
  readonly #clock: Clock;
  readonly #screens = new Map<number, ServedScreen>();
  readonly #watching = new Set<number>();
  #waiting: ExchangeRecord[] = [];
  #timer: Disposable | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  join(served: ServedScreen): void {
    this.#screens.set(served.screen.id, served);
    served.screen.scope.defer(() => {
      this.#screens.delete(served.screen.id);
      this.#watching.delete(served.screen.id);
    });
  }

  set(screen: ScreenContext, on: boolean): void {
    if (on) this.#watching.add(screen.id);
    else this.#watching.delete(screen.id);
  }

  add(record: ExchangeRecord): void {
    if (this.#watching.size === 0) return;
    this.#waiting.push(record);
    if (this.#waiting.length > GROUP_MOST * 2) this.#waiting.splice(0, GROUP_MOST);
    this.#timer ??= this.#clock.after(GROUP_MS, () => this.#send());
  }

  #send(): void {
    this.#timer = undefined;
    const exchanges = this.#waiting.slice(-GROUP_MOST);
    this.#waiting = [];
    for (const id of this.#watching) this.#screens.get(id)?.emit('exchange.happened', { exchanges });
  }
}
