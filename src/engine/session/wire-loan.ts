import type { Clock } from '../../core/clock.ts';
import { createDeferred } from '../../core/deferred.ts';
import type { LabError } from '../../core/errors.ts';
import type { Transport } from '../transport/transport.ts';
import type { TakenWire } from './session.ts';
import { tapTransport } from './wire-tap.ts';

export interface LoanHost {
  clock: Clock;
  /** How long the borrower may take to give it back when it is recalled. */
  patienceMs: number;
  sent(bytes: Uint8Array): void;
  received(count: number): void;
}

/**
 * A wire lent to a streaming device.
 *
 *     lent ──release, transport ended──▶ over
 *      │ recall                           ▲
 *      ▼                                  │
 *     recalled ──release────────────────▶ │
 *      └── patience over: revoked ────────┘   reads and writes of the borrower reject with the reason
 */
export class WireLoan {
  readonly taken: TakenWire;
  readonly #host: LoanHost;
  readonly #recalled = new AbortController();
  readonly #revoked = new AbortController();
  readonly #over = createDeferred<void>();
  readonly #settled = createDeferred<void>();
  #patience: Disposable | undefined;

  constructor(transport: Transport, host: LoanHost) {
    this.#host = host;
    const release = (): Promise<void> => {
      this.end();
      return this.#settled.promise;
    };
    this.taken = {
      transport: tapTransport(transport, {
        release,
        revoked: this.#revoked.signal,
        sent: (bytes) => host.sent(bytes),
        received: (count) => host.received(count),
      }),
      release,
      recalled: this.#recalled.signal,
    };
  }

  /** Resolves when the wire is the lender's again. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** It had to be taken away: the device was perhaps not stopped. */
  get isRevoked(): boolean {
    return this.#revoked.signal.aborted;
  }

  /** Somebody with a better right waits. */
  recall(reason: LabError): void {
    this.#patience ??= this.#host.clock.after(this.#host.patienceMs, () => {
      this.#revoked.abort(reason);
      this.end();
    });
    this.#recalled.abort(reason);
  }

  end(): void {
    this.#patience?.[Symbol.dispose]();
    this.#over.resolve();
  }

  /** The lender reads again: `release` resolves. */
  settle(): void {
    this.#settled.resolve();
  }
}
