import type { FaultGate } from '../fault.ts';
import type { DeviceWire } from '../wire/device-wire.ts';

/**
 * The send buffer of a streaming connection. It is bounded: `offer` refuses when it is full, and the sampler drops those rows, because it
 * cannot wait. Without a fault a piece goes straight to the wire; with one, pieces queue behind it.
 */
export class DaqOutput {
  readonly #wire: DeviceWire;
  readonly #gate: FaultGate;
  readonly #limitBytes: number;
  #chain: Promise<void> = Promise.resolve();
  #chainedBytes = 0;

  constructor(wire: DeviceWire, gate: FaultGate, limitBytes: number) {
    this.#wire = wire;
    this.#gate = gate;
    this.#limitBytes = limitBytes;
  }

  /** Whether `bytes` more fit now. */
  hasRoom(bytes: number): boolean {
    return this.#wire.pendingBytes + this.#chainedBytes + bytes <= this.#limitBytes;
  }

  /** Whether pieces are being tampered with: then each packet goes alone. */
  get isFaulty(): boolean {
    return this.#gate.kind !== null || this.#chainedBytes > 0;
  }

  /** Takes the bytes (nobody may write them again) and resolves with whether they really went out. */
  send(bytes: Uint8Array): Promise<boolean> {
    if (!this.isFaulty) {
      void this.#wire.send(bytes);
      return SENT;
    }
    this.#chainedBytes += bytes.length;
    const fate = this.#chain.then(() => this.#gate.deliver(this.#wire, bytes));
    this.#chain = fate.then(
      () => {
        this.#chainedBytes -= bytes.length;
      },
      () => {
        this.#chainedBytes -= bytes.length;
      },
    );
    return fate.then((one) => one !== 'dropped' && one !== 'cut');
  }
}

const SENT = Promise.resolve(true);
