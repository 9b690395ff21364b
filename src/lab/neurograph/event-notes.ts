import type { Clock } from '../../core/clock.ts';
import type { NeurographEvent } from '../../protocol/lab/neurograph-message.ts';
import type { ServerEvents } from '../server-events.ts';

/** More lines than that in a second nobody reads, of any one channel; the rest is counted. */
const MOST_PER_S = 50;
const MOST_CHANNELS = 100;
const MOST_TEXT = 300;

/** Events of channels as lines. A flood becomes its first lines and one that says how many more there were. */
export class EventNotes {
  readonly #clock: Clock;
  readonly #events: ServerEvents;
  readonly #counts = new Map<string, { sinceMs: number; lines: number; more: number }>();

  constructor(clock: Clock, events: ServerEvents) {
    this.#clock = clock;
    this.#events = events;
  }

  add({ channel, eventType, timestamp, data }: NeurographEvent): void {
    if (!this.#mayTell(channel)) return;
    const text = `${eventType} ${shortText(data)}`.trim();
    this.#events.note(channel, severityOf(eventType), text, { channel, event_type: eventType, timestamp, data });
  }

  #mayTell(channel: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    let count = this.#counts.get(channel);
    if (!count) {
      if (this.#counts.size >= MOST_CHANNELS) return false;
      count = { sinceMs: nowMs, lines: 0, more: 0 };
      this.#counts.set(channel, count);
    }
    if (nowMs - count.sinceMs >= 1000) {
      const { more } = count;
      count.sinceMs = nowMs;
      count.lines = 0;
      count.more = 0;
      if (more > 0)
        this.#events.note(channel, 'info', `${more} more events on ${channel} are not shown.`, { channel, more });
    }
    if (count.lines >= MOST_PER_S) {
      count.more++;
      return false;
    }
    count.lines++;
    return true;
  }
}

function severityOf(eventType: string): 'info' | 'warning' | 'error' {
  if (/error|critical|fail/i.test(eventType)) return 'error';
  return /warn/i.test(eventType) ? 'warning' : 'info';
}

/** `name: value` of the first fields, or the value itself. */
function shortText(data: unknown): string {
  if (data === null || data === undefined) return '';
  if (typeof data !== 'object') return String(data).slice(0, MOST_TEXT);
  const words = Object.entries(data)
    .slice(0, 8)
    .map(([key, value]) => `${key} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`);
  return words.join(', ').slice(0, MOST_TEXT);
}
