import type { ChannelEvent, ChannelListener } from '../channels/channel-desk.ts';
import type { Unsent } from '../delivery/unsent.ts';
import type { WantedStream } from './client-message.ts';
import { KeptFeeds } from './kept-feeds.ts';
import type { TransferShelf } from './transfer-shelf.ts';

/** Key of a stream on the wire. */
export function streamKey({ equipment_id, stream_type }: Pick<WantedStream, 'equipment_id' | 'stream_type'>): string {
  return `${equipment_id}/${stream_type}`;
}

/**
 * What of a client outlives its socket: what it wants, events it has not got, and the feeds of its streams, so that their rows are still there when it
 * comes back.
 */
export class LabwireSession implements ChannelListener, Disposable {
  channels: Set<string> = new Set();
  readonly wanted = new Map<string, WantedStream>();
  /** Feeds held while nobody is connected, by key. */
  readonly feeds = new KeptFeeds();
  /** What the last socket did not deliver for certain. */
  unsent: Unsent | undefined;
  /** Name of the recording this client means when it names none. */
  recording: string | undefined;
  readonly transfers: TransferShelf;
  /** Where and when its last socket came; for lists. */
  came: { address: string; openedNs: bigint } = { address: '', openedNs: 0n };
  /** Takes events while a socket is there. */
  #deliver: ((event: ChannelEvent) => void) | undefined;
  #missed: ChannelEvent[] = [];
  /** Events let go because too many waited. */
  #overflow = 0;
  readonly #maxMissed: number;
  #ear: Disposable | undefined;

  constructor(maxMissed: number, transfers: TransferShelf) {
    this.#maxMissed = maxMissed;
    this.transfers = transfers;
  }

  /** Hears events until it is disposed. */
  hear(ear: Disposable): void {
    this.#ear = ear;
  }

  take(event: ChannelEvent): void {
    if (this.#deliver) {
      this.#deliver(event);
      return;
    }
    if (event.delivery !== 'event') return;
    this.#missed.push(event);
    if (this.#missed.length <= this.#maxMissed) return;
    this.#missed.shift();
    this.#overflow++;
  }

  /** A socket is there: gives what was missed. */
  connect(deliver: (event: ChannelEvent) => void): { missed: ChannelEvent[]; overflow: number } {
    const missed = this.#missed;
    const overflow = this.#overflow;
    this.#deliver = deliver;
    this.#missed = [];
    this.#overflow = 0;
    return { missed, overflow };
  }

  /** The socket is gone. */
  disconnect(): void {
    this.#deliver = undefined;
  }

  [Symbol.dispose](): void {
    this.#deliver = undefined;
    this.#ear?.[Symbol.dispose]();
    this.feeds[Symbol.dispose]();
    this.transfers[Symbol.dispose]();
    this.#missed = [];
    this.unsent = undefined;
  }
}
