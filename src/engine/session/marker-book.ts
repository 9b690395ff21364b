/** Fewest repeats in a marker and how many differ; the longest question stays near 100 bytes. */
const FEWEST = 2;
const KINDS = 16;
/** Lines remembered; the one unused for longest is forgotten. */
const MAX_LINES = 1000;

/** A marker: `*OPC?` so many times in one message. Only it has that answer. */
export interface Marker {
  question: string;
  answer: string;
}

interface Outstanding {
  kind: number;
  sentMs: number;
}

/**
 * Markers sent on a line and not yet answered, oldest first. No marker is sent that equals one whose answer may still come: an answer that
 * was awaited from an earlier one would prove nothing. Because a device answers in order, the answer to one settles all before it.
 */
export class MarkerBook {
  #outstanding: Outstanding[] = [];
  #last: number;

  /** `seed` decides where the count begins: anywhere, because an engine may have died on this line before. */
  constructor(seed: bigint) {
    this.#last = Number((((seed / 1000n) % BigInt(KINDS)) + BigInt(KINDS)) % BigInt(KINDS));
  }

  /** The next marker, noted as sent; undefined: any that could be sent may still be answered. */
  take(nowMs: number, lifeMs: number): Marker | undefined {
    // Older ones are lost for good; so are those of a clock that was set back to its beginning.
    this.#outstanding = this.#outstanding.filter(({ sentMs }) => nowMs >= sentMs && nowMs - sentMs < lifeMs);
    for (let step = 1; step <= KINDS; step++) {
      const kind = (this.#last + step) % KINDS;
      if (this.#outstanding.some((one) => one.kind === kind)) continue;
      this.#last = kind;
      this.#outstanding.push({ kind, sentMs: nowMs });
      return { question: repeat('*OPC?', kind), answer: repeat('1', kind) };
    }
    return undefined;
  }

  /** Looks at a line: if it answers an outstanding marker, that one and all before are settled. */
  settle(line: string): void {
    const text = line.replace(/[+\s]/g, '');
    const index = this.#outstanding.findIndex(({ kind }) => repeat('1', kind) === text);
    if (index >= 0) this.#outstanding.splice(0, index + 1);
  }
}

const books = new Map<string, MarkerBook>();

/** The book of a line. It outlives sessions: what one asked the next may be answered. */
export function markerBook(resource: string, nowNs: bigint): MarkerBook {
  const book = books.get(resource) ?? new MarkerBook(nowNs);
  books.delete(resource);
  books.set(resource, book);
  const [oldest] = books.keys();
  if (books.size > MAX_LINES && oldest !== undefined) books.delete(oldest);
  return book;
}

function repeat(unit: string, kind: number): string {
  return Array(FEWEST + kind)
    .fill(unit)
    .join(';');
}
