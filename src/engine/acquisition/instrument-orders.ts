import { LabError } from '../../core/errors.ts';
import type { ControlValue } from '../../core/instrument.ts';
import type { Screenshot } from '../driver/driver.ts';
import type { SafetyTarget } from '../safety/safety-host.ts';
import { overtakenError } from '../session/session-message.ts';
import type { AttachmentParts } from './attachment-parts.ts';
import { act, type InstrumentAction } from './instrument-acts.ts';
import { type ConsoleReply, sendText } from './instrument-console.ts';
import type { InstrumentLink } from './instrument-link.ts';
import { setpointText } from './instrument-panel.ts';
import { OrderTurn } from './order-turn.ts';
import { byText, type OrderedBy } from './ordered-by.ts';

export interface OrdersHost {
  /** A text was sent. `isCommand`: it changed something, perhaps. */
  sent(text: string, isCommand: boolean): void;
  /** A status byte was read. */
  sawStatusByte(byte: number): void;
}

/** What people and scripts order of an instrument. Each goes by the safety envelope first, and ends with Outputs off. */
export class InstrumentOrders {
  readonly #parts: AttachmentParts;
  readonly #host: OrdersHost;
  /** What is ordered ends with it: with detach, and with Outputs off. */
  #orders = new AbortController();
  /** The connection that holds the lock of the instrument. */
  #lockedOn: { session: InstrumentLink['session']; reopened: number } | undefined;

  constructor(parts: AttachmentParts, host: OrdersHost) {
    this.#parts = parts;
    this.#host = host;
    parts.stop.addEventListener('abort', () => this.#orders.abort(parts.stop.reason), { once: true });
  }

  get isLocked(): boolean {
    const { session } = this.#parts.link;
    // A lock belongs to a connection: opened anew it is gone.
    return this.#lockedOn?.session === session && this.#lockedOn.reopened === session.stats.reopened;
  }

  /** The instrument, as the safety envelope sees it. */
  get target(): SafetyTarget {
    const { id, label, stop, link } = this.#parts;
    const { driver } = link;
    return {
      id,
      label,
      shape: driver.shape,
      read: (ids) => driver.readControls(ids, stop),
      writes: (control, value) => driver.writes?.(control, value),
    };
  }

  /** Outputs off came: what was ordered before is not carried out behind it. */
  endAll(): void {
    this.#orders.abort(overtakenError(this.#parts.label));
    this.#orders = new AbortController();
    if (this.#parts.stop.aborted) this.#orders.abort(this.#parts.stop.reason);
  }

  /** Throws what the driver says, `safety.refused`, `call.expired`; the read-backs it gave are shown either way. */
  async setControl(control: string, value: ControlValue, by: OrderedBy): Promise<Record<string, ControlValue>> {
    const { id, label, link, panel, host } = this.#parts;
    const known = link.driver.shape.controls.find((one) => one.id === control);
    if (!known)
      throw new LabError('call.invalid', `${label} has no control ${control}. Nothing was sent.`, { control });
    const before = panel.values[control]?.asked;
    panel.ask(control, value);
    const turn = new OrderTurn(this.#orders.signal, by.deadline);
    const { signal } = turn;
    try {
      const send = async (step: ControlValue): Promise<Record<string, ControlValue>> => {
        const values = await turn.send(() => this.#parts.link.driver.setControl(control, step, signal));
        panel.keep(values);
        return values;
      };
      const readBack = await host.safety.set(this.target, known, value, send, signal);
      host.event({
        kind: 'setpoint',
        instrument: id,
        text: setpointText(label, known, value) + byText(by),
        data: { control, value, readBack: readBack[control] ?? null, who: by.who },
      });
      return readBack;
    } catch (error) {
      const failure = LabError.from(error);
      if (failure.code === 'safety.refused' || failure.code === 'call.expired') panel.unask(control, before);
      throw this.#parts.remember(failure);
    } finally {
      this.#parts.changed();
    }
  }

  /** Console, send-file, command line: a text of a person or script. Throws `safety.refused`, `instrument.rejected`, `call.expired`, the errors of the session. */
  async query(text: string, timeoutMs: number | undefined, by?: OrderedBy): Promise<ConsoleReply> {
    const turn = new OrderTurn(this.#orders.signal, by?.deadline);
    const { signal } = turn;
    const send = (): Promise<ConsoleReply> => {
      const { session, driver } = this.#parts.link;
      const place = { session, driver, report: (error: LabError) => void this.#parts.remember(error) };
      return turn.send(() => sendText(place, text, { timeoutMs, signal }));
    };
    try {
      const reply = await this.#parts.host.safety.text(this.target, text, send, signal);
      this.#host.sent(text, reply.text === null);
      return reply;
    } catch (error) {
      const failure = LabError.from(error);
      if (failure.code === 'instrument.rejected') this.#parts.remember(failure);
      throw failure;
    }
  }

  /** Throws `safety.refused` for a trigger while limits or the emergency stop hold: what it starts cannot be judged. Otherwise as `act`. */
  async act(action: InstrumentAction, by?: OrderedBy): Promise<number | null> {
    const { host, link } = this.#parts;
    const { session, driver } = link;
    if (action === 'trigger') host.safety.refuseTrigger(this.target);
    const turn = new OrderTurn(this.#orders.signal, by?.deadline);
    const value = await turn.send(() => act(action, session, driver, by?.deadline ? turn.signal : undefined));
    if (action === 'lock') this.#lockedOn = { session, reopened: session.stats.reopened };
    if (action === 'unlock') this.#lockedOn = undefined;
    if (value !== null) this.#host.sawStatusByte(value);
    this.#parts.changed();
    return value;
  }

  /** Throws `driver.unsupported`, the errors of the session, `call.cancelled` when the signal aborts. */
  async screenshot(signal: AbortSignal): Promise<Screenshot> {
    const { link, label, stop } = this.#parts;
    if (link.driver.screenshot) return link.driver.screenshot(AbortSignal.any([stop, signal]));
    throw new LabError('driver.unsupported', `${label} gives no picture of its screen. Nothing was sent.`);
  }
}
