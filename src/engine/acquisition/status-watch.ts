import { LabError } from '../../core/errors.ts';
import type { AttachmentParts } from './attachment-parts.ts';
import { Operations } from './operations.ts';

/** Controls are read back that often, for knobs turned at the front panel; ms. */
const READ_BACK_MS = 5000;

/** Looks at an instrument between rounds: lamps, status byte, operations that complete, and what its controls read back. */
export class StatusWatch {
  readonly #parts: AttachmentParts;
  readonly #operations: Operations;
  #readBackMs = Number.NEGATIVE_INFINITY;

  constructor(parts: AttachmentParts) {
    this.#parts = parts;
    this.#operations = new Operations(() => parts.status.operationComplete());
  }

  /** Service requests of a new connection. */
  listen(): void {
    const { session } = this.#parts.link;
    if (session.can.serviceRequest) session.onServiceRequest((byte) => this.#parts.status.serviceRequest(byte));
  }

  /** A text of a person was sent; what a command has changed is looked up with the next look at the lamps. */
  sent(text: string, isCommand: boolean): void {
    this.#operations.sent(text);
    if (isCommand) this.readBackSoon();
  }

  readBackSoon(): void {
    this.#readBackMs = Number.NEGATIVE_INFINITY;
  }

  /** Everything, now. */
  async refresh(): Promise<void> {
    const { link, panel, stop } = this.#parts;
    panel.keep(await link.driver.readControls(undefined, stop));
    if (link.driver.status) this.#keep(await link.driver.status(stop));
    this.#parts.changed();
  }

  /** Between two rounds. */
  async look(signal: AbortSignal): Promise<void> {
    const { link, panel, host } = this.#parts;
    const { driver, session } = link;
    if (driver.status && this.#keep(await driver.status(signal))) this.#parts.changed();
    // Where requests are told, they need not be asked for.
    if (session.can.statusByte && !session.can.serviceRequest) await this.#pollStatusByte(signal);
    await this.#operations.look(session, signal);
    const nowMs = host.clock.monotonicMs();
    if (nowMs - this.#readBackMs < READ_BACK_MS) return;
    this.#readBackMs = nowMs;
    panel.keep(await driver.readControls(undefined, signal));
    this.#parts.changed();
  }

  /** A new error in its queue is asked for at once. */
  sawStatusByte(byte: number): void {
    if (!this.#parts.status.statusByte(byte)) return;
    const { link, stop } = this.#parts;
    void link.driver
      .explain?.('*STB?', { priority: 'background', signal: stop })
      .then((error) => error && this.#parts.remember(error))
      .catch(() => undefined);
  }

  /** Costs one small exchange beside the bytes. */
  async #pollStatusByte(signal: AbortSignal): Promise<void> {
    const { session } = this.#parts.link;
    const read = session.control(async (control) => control.statusByte?.(), { priority: 'poll', signal });
    const byte = await read.catch((error: unknown) => {
      if (LabError.from(error).code === 'transport.unsupported') return undefined;
      throw error;
    });
    if (byte !== undefined) this.sawStatusByte(byte);
  }

  /** Gives whether something changed. */
  #keep(status: Record<string, string>): boolean {
    const changes = this.#parts.panel.keepStatus(status);
    for (const change of changes) this.#parts.status.lamp(change);
    return changes.length > 0;
  }
}
