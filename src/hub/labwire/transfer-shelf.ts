import { LabError } from '../../core/errors.ts';
import type { TransferContent } from './transfer-content.ts';

/** Bytes in memory for transfers of all clients together. */
export class TransferBudget {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Of what is held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** False: there is not so much left; nothing was taken. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#maxBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }
}

export interface ShelfLimits {
  transfers: number;
  /** Of one client in memory; bytes. */
  bytes: number;
}

interface Kept {
  content: TransferContent;
  /** It was sent to its end: it goes when room is wanted. */
  isSent: boolean;
}

/** What of one session is being transferred, or was and may have been lost on the way: it outlives the socket. */
export class TransferShelf implements Disposable {
  readonly #budget: TransferBudget;
  readonly #limits: ShelfLimits;
  readonly #kept = new Map<string, Kept>();

  constructor(budget: TransferBudget, limits: ShelfLimits) {
    this.#budget = budget;
    this.#limits = limits;
  }

  get ids(): string[] {
    return [...this.#kept.keys()];
  }

  /** Throws call.limit; then nothing is kept of it. */
  put(id: string, content: TransferContent): void {
    const fits = (): boolean =>
      this.#kept.size < this.#limits.transfers && this.#bytes + content.heldBytes <= this.#limits.bytes;
    for (const [other, { isSent }] of this.#kept) {
      if (fits()) break;
      if (isSent) this.drop(other);
    }
    if (!fits() || !this.#budget.take(content.heldBytes))
      throw new LabError(
        'call.limit',
        `So much is transferred already that ${content.sizeBytes} bytes more have no room. Nothing is sent; take or stop another first.`,
      );
    this.#kept.set(id, { content, isSent: false });
  }

  get(id: string): TransferContent | undefined {
    return this.#kept.get(id)?.content;
  }

  sent(id: string): void {
    const kept = this.#kept.get(id);
    if (kept) kept.isSent = true;
  }

  /** False: there is none. */
  drop(id: string): boolean {
    const kept = this.#kept.get(id);
    if (!kept) return false;
    this.#kept.delete(id);
    this.#budget.giveBack(kept.content.heldBytes);
    return true;
  }

  [Symbol.dispose](): void {
    for (const id of [...this.#kept.keys()]) this.drop(id);
  }

  get #bytes(): number {
    return [...this.#kept.values()].reduce((sum, { content }) => sum + content.heldBytes, 0);
  }
}
