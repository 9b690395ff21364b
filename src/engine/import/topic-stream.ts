import type { StreamInfo } from '../../core/stream-info.ts';

const MOST_ID = 120;

/**
 * Where a topic goes: its first part is the instrument, the others the stream; channels are named `stream.field`, so that those of two topics of one
 * instrument differ. A topic of one part is an instrument with one stream, and its channels are the fields.
 */
export function topicStream(topic: string): { instrument: string; stream: string; prefix: string } {
  const parts = topic.split('/').filter((part) => part !== '');
  const [first = 'topic', ...rest] = parts;
  const instrument = plain(first);
  const stream = rest.map(plain).join('.');
  return stream === '' ? { instrument, stream: 'data', prefix: '' } : { instrument, stream, prefix: `${stream}.` };
}

/** The streams of a recording made of a file: each with a number and an epoch of its own. */
export class StreamNumbers {
  readonly #keys = new Set<string>();
  readonly #startUs: number;
  #next = 1;

  /** `startNs`: of the recording, ns since 1970. */
  constructor(startNs: bigint) {
    this.#startUs = Math.max(0, Number(startNs / 1000n));
  }

  open(instrument: string, stream: string, columns: StreamInfo['columns'], rateHz: number): StreamInfo {
    const plainKey = `${instrument}/${stream}`;
    let key = plainKey;
    for (let number = 2; this.#keys.has(key); number++) key = `${plainKey}-${number}`;
    this.#keys.add(key);
    const id = this.#next++;
    return { id, key, instrument, epoch: this.#startUs + id, kind: 'timed', columns, rateHz };
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they must go.
const ILLEGAL = /[/\u0000-\u001f\u007f]+/g;

/** Text that is fit for an id: without slashes and control characters, not too long. */
export function plain(text: string): string {
  const legal = text.replace(ILLEGAL, '_').trim().slice(0, MOST_ID);
  return legal === '' ? '_' : legal;
}

/** Names that all differ: a second `x` becomes `x 2`. */
export function distinct(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let free = name;
    for (let number = 2; taken.has(free); number++) free = `${name} ${number}`;
    taken.add(free);
    return free;
  });
}
