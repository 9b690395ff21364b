import type { MessageFormat } from './message-format.ts';

/** What of a cut file is whole. All it gives, put together, is a beginning of the file, up to the end of its last whole message. */
export interface WholeMessages {
  push(bytes: Uint8Array): Uint8Array;
  /** Of the rest, what is a message. */
  end(): Uint8Array;
  /** Messages so far. */
  readonly messages: number;
  /** The file had its end. */
  readonly isEnded: boolean;
}

const NOTHING = new Uint8Array(0);
const LINE_FEED = 0x0a;
const COMMA = 0x2c;
const BRACKET = 0x5d;

/** Finds the last whole message of a file of a format; see docs/lablink-formats.md. */
export function wholeMessages(format: MessageFormat): WholeMessages {
  if (format === 'lablink-binary') return new WholeBodies();
  return format === 'lablink-json' ? new WholeItems() : new WholeLines();
}

class WholeLines implements WholeMessages {
  messages = 0;
  readonly isEnded = false;
  #held: Uint8Array = NOTHING;

  push(bytes: Uint8Array): Uint8Array {
    const all = joined([this.#held, bytes]);
    const end = all.lastIndexOf(LINE_FEED) + 1;
    for (let at = all.indexOf(LINE_FEED); at >= 0; at = all.indexOf(LINE_FEED, at + 1)) this.messages++;
    this.#held = all.slice(end);
    return all.subarray(0, end);
  }

  end(): Uint8Array {
    return NOTHING;
  }
}

/** Of an array: no separator without a message behind it, no bracket. */
class WholeItems implements WholeMessages {
  messages = 0;
  isEnded = false;
  #isBegun = false;
  #held: Uint8Array = NOTHING;

  push(bytes: Uint8Array): Uint8Array {
    const all = joined([this.#held, bytes]);
    const whole: Uint8Array[] = [];
    let from = 0;
    for (let at = all.indexOf(LINE_FEED); at >= 0; at = all.indexOf(LINE_FEED, from)) {
      const line = all.subarray(from, at);
      from = at + 1;
      if (!this.#isBegun) {
        this.#isBegun = true;
        whole.push(all.subarray(0, from));
      } else if (line.length === 1 && line[0] === BRACKET) this.isEnded = true;
      else if (line.length > 0) whole.push(this.#item(line.at(-1) === COMMA ? line.subarray(0, -1) : line));
    }
    this.#held = all.slice(from);
    return joined(whole);
  }

  end(): Uint8Array {
    const text = this.#held.at(-1) === COMMA ? this.#held.subarray(0, -1) : this.#held;
    try {
      JSON.parse(new TextDecoder().decode(text));
    } catch {
      return NOTHING;
    }
    return this.#item(text);
  }

  #item(text: Uint8Array): Uint8Array {
    return joined(this.messages++ === 0 ? [text] : [Uint8Array.of(COMMA, LINE_FEED), text]);
  }
}

class WholeBodies implements WholeMessages {
  messages = 0;
  readonly isEnded = false;
  #held: Uint8Array = NOTHING;
  #isBroken = false;

  push(bytes: Uint8Array): Uint8Array {
    if (this.#isBroken) return NOTHING;
    const all = joined([this.#held, bytes]);
    const view = new DataView(all.buffer, all.byteOffset, all.byteLength);
    let end = 0;
    while (end + 4 <= all.length) {
      const length = view.getUint32(end);
      // No message is empty: zeros are what never reached the platter.
      this.#isBroken = length === 0;
      if (this.#isBroken || end + 4 + length > all.length) break;
      end += 4 + length;
      this.messages++;
    }
    this.#held = all.slice(end);
    return all.subarray(0, end);
  }

  end(): Uint8Array {
    return NOTHING;
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  const parts = pieces.filter(({ length }) => length > 0);
  if (parts.length <= 1) return parts[0] ?? only ?? NOTHING;
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
