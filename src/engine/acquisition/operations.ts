import { LabError } from '../../core/errors.ts';
import type { Session } from '../session/session.ts';

/** Looks at the event register until then; an operation that takes longer is not told. */
const MAX_LOOKS = 1200;
const OPERATION_COMPLETE = 1;

/**
 * Completion of operations a person asked to be told of. After `*OPC` the event register is looked at between rounds until its bit 0 rises (IEEE 488.2
 * 11.5.1.1; reading clears the register, which is why it is read only then); `*OPC?` is complete with its answer.
 */
export class Operations {
  readonly #complete: () => void;
  #looksLeft = 0;

  constructor(complete: () => void) {
    this.#complete = complete;
  }

  /** A text was sent and, if it asks, answered. */
  sent(text: string): void {
    const units = text.split(';').map((unit) => unit.trim().toUpperCase());
    if (units.includes('*OPC?')) this.#complete();
    if (units.includes('*OPC')) this.#looksLeft = MAX_LOOKS;
    if (units.some((unit) => unit === '*CLS' || unit === '*RST')) this.#looksLeft = 0;
  }

  async look(session: Session, signal: AbortSignal): Promise<void> {
    if (this.#looksLeft === 0) return;
    this.#looksLeft--;
    const isNumber = (reply: string): boolean => /^\+?\d+$/.test(reply.trim());
    try {
      const reply = await session.query('*ESR?', { priority: 'poll', signal, expect: isNumber });
      if ((Number(reply) & OPERATION_COMPLETE) === 0) return;
      this.#looksLeft = 0;
      this.#complete();
    } catch (error) {
      // One that has no such register is not asked again.
      if (LabError.from(error).code === 'transport.timeout') this.#looksLeft = 0;
      throw error;
    }
  }
}
