import type { Client } from '../../contract/client.ts';
import type { LabEvent } from '../../contract/recording-schema.ts';
import type { EventMark } from './event-flags.ts';
import type { TimeRange } from './time-window.ts';

/** Events kept; the newest. */
const MOST_MARKS = 5000;
/** Asked beyond the view, of the view. */
const MARGIN = 1;

/** Events as marks on the time axis: what the bench state knows, and older ones asked for as the view reaches back. */
export class EventFeed {
  readonly #originNs: bigint;
  readonly #marks = new Map<string, EventMark>();
  #sorted: EventMark[] | undefined;
  #asked: TimeRange = { fromS: Number.POSITIVE_INFINITY, toS: Number.NEGATIVE_INFINITY };
  #busy = false;
  revision = 0;

  constructor(originNs: bigint) {
    this.#originNs = originNs;
  }

  /** Oldest first. */
  get marks(): readonly EventMark[] {
    this.#sorted ??= [...this.#marks.values()].sort((a, b) => a.timeS - b.timeS);
    return this.#sorted;
  }

  add(events: readonly LabEvent[]): void {
    let changed = false;
    for (const event of events) {
      if (this.#marks.has(event.id)) continue;
      changed = true;
      this.#marks.set(event.id, {
        id: event.id,
        timeS: Number(BigInt(event.t) - this.#originNs) / 1e9,
        kind: event.kind,
        text: event.text,
        severity: event.severity,
        channel: event.channel,
        instrument: event.instrument,
      });
    }
    if (!changed) return;
    this.#sorted = undefined;
    for (const mark of this.marks.slice(0, Math.max(0, this.#marks.size - MOST_MARKS))) this.#marks.delete(mark.id);
    this.#sorted = undefined;
    this.revision++;
  }

  /** Asks for events of a range it has not asked for; live view only (a recording names all of its events at once). */
  want(client: Client | undefined, range: TimeRange): void {
    if (!client || this.#busy || (range.fromS >= this.#asked.fromS && range.toS <= this.#asked.toS)) return;
    const margin = (range.toS - range.fromS) * MARGIN;
    const fromS = Math.min(this.#asked.fromS, range.fromS - margin);
    const toS = Math.max(this.#asked.toS, range.toS + margin);
    const toNs = (seconds: number): string => String(this.#originNs + BigInt(Math.round(seconds * 1e9)));
    this.#busy = true;
    client.call('event.list', { fromNs: toNs(fromS), toNs: toNs(toS) }).then(
      ({ events }) => {
        this.#busy = false;
        this.#asked = { fromS, toS };
        this.add(events);
      },
      () => {
        // The flags of the bench state stay; asked again when the view moves.
        this.#busy = false;
      },
    );
  }
}
