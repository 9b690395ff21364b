import { LabError } from '../../core/errors.ts';
import type { LabwireMessage } from '../../protocol/lab/labwire-messages.ts';
import type { ServerEvents } from '../server-events.ts';
import type { EventReader } from './event-reader.ts';

export interface DeskHost {
  readonly events: ServerEvents;
  readonly reader: EventReader;
  say(message: Record<string, unknown>): boolean;
  /** The list of equipment is another one. */
  equipmentChanged(): void;
  /** Somebody took a lock, or gave it back. */
  locksChanged(): void;
  /** Channels this login may not listen to. */
  denied(channels: readonly string[]): void;
}

/** What a server says beside rows and answers, told to the person. */
export class MessageDesk {
  /** Items the server said it dropped. */
  dropped = 0;
  readonly #host: DeskHost;

  constructor(host: DeskHost) {
    this.#host = host;
  }

  take(message: LabwireMessage): void {
    const { events } = this.#host;
    switch (message.type) {
      case 'event':
        this.#event(message);
        break;
      case 'error':
        events.emit({ kind: 'error', error: serverError(message) });
        break;
      case 'drop_report':
        this.#dropReport(message);
        break;
      case 'stream_stopped': {
        const { key, reason } = message;
        events.note('stream', 'warning', `${key} was stopped by the server: ${reason}.`, { key });
        break;
      }
      case 'rate_changed': {
        const { key, interval_ms, reason } = message;
        events.note('stream', 'info', `${key} comes each ${interval_ms} ms now: ${reason}.`, { key });
        break;
      }
      case 'permissions_changed':
        events.note('login', 'warning', `The login is of role ${message.role} now.`, { role: message.role });
        break;
      case 'undelivered':
        events.note('alarms', 'error', `${message.n ?? message.ids.length} events could not be delivered in time.`);
        break;
      case 'subscribed':
        this.#host.denied(message.denied);
        break;
    }
  }

  /** Acknowledged whether it is new or not: the answer before may be what was lost. */
  #event(message: Extract<LabwireMessage, { type: 'event' }>): void {
    const { events, reader, say, equipmentChanged, locksChanged } = this.#host;
    const event = reader.read(message);
    if (event) events.emit(event);
    if (message.id !== undefined) say({ type: 'event_ack', ids: [message.id] });
    if (message.channel === 'status' && /equipment|instrument/.test(message.event_type)) equipmentChanged();
    if (message.channel === 'control' && message.event_type.startsWith('lock.')) locksChanged();
  }

  #dropReport({ state, by_stream }: Extract<LabwireMessage, { type: 'drop_report' }>): void {
    let dropped = 0;
    for (const counts of Object.values(by_stream)) dropped += counts.dropped + counts.conflated;
    this.dropped += dropped;
    const text = `The server holds back (${state || 'no state said'}): ${dropped} items dropped.`;
    this.#host.events.note('flow', 'warning', text, { state, by_stream });
  }
}

function serverError({ code, message, recoverable }: Extract<LabwireMessage, { type: 'error' }>): LabError {
  return new LabError(
    'server.rejected',
    `The lab server says: ${message || code || 'error'}. What comes from it is shown as it comes.`,
    { code, recoverable },
  );
}
