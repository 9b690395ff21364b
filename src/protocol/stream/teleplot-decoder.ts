/** What a Teleplot decoder hands on. Called from within `push`; must not throw. */
export interface TeleplotSink {
  /** One value of a variable. `timeMs`: as the device says (its own zero); undefined: now. */
  point(name: string, timeMs: number | undefined, value: number, unit: string | undefined): void;
  /** A log line, or the text of a text variable. */
  text?(text: string): void;
}

export interface TeleplotOptions {
  sink: TeleplotSink;
  /** On a serial line only lines that begin with `>` are telemetry, everything else is the program's own text. */
  isSerial: boolean;
  /** A longer line is dropped and counted; default 8932, the largest datagram Teleplot speaks of. */
  maxLineBytes?: number;
  /** The first line may have begun before we listened. Default: as `isSerial`. */
  dropsFirst?: boolean;
}

const LF = 0x0a;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const NAME = /^[^:|;,§]{1,64}$/;

/**
 * Teleplot's telemetry (its README): `name[:ms]:value[§unit][|flags]`, several points by `;`, on serial lines behind a `>`.
 * `|t` is text, `|xy` gives the variables `name.x` and `name.y`, other flags (`np`, `g`, `clr`) change nothing for a recorder; `>:text` is a log
 * line, `3D|…` shapes are not measured. Lines that are none of this are counted in `malformed` (on a serial line only those with a `>`).
 */
export class TeleplotDecoder {
  malformed = 0;
  readonly #options: TeleplotOptions;
  readonly #maxBytes: number;
  readonly #decoder = new TextDecoder('utf-8');
  readonly #carry: Uint8Array;
  #carried = 0;
  #isSkipping: boolean;

  constructor(options: TeleplotOptions) {
    this.#options = options;
    this.#maxBytes = options.maxLineBytes ?? 8932;
    this.#carry = new Uint8Array(this.#maxBytes);
    this.#isSkipping = options.dropsFirst ?? options.isSerial;
  }

  push(chunk: Uint8Array): void {
    for (let start = 0; start < chunk.length; ) {
      const found = chunk.indexOf(LF, start);
      const stop = found < 0 ? chunk.length : found;
      this.#keep(chunk.subarray(start, stop));
      if (found < 0) return;
      start = found + 1;
      if (!this.#isSkipping) this.#line(this.#decoder.decode(this.#carry.subarray(0, this.#carried)).trim());
      this.#isSkipping = false;
      this.#carried = 0;
    }
  }

  #keep(piece: Uint8Array): void {
    if (this.#isSkipping) return;
    if (this.#carried + piece.length > this.#maxBytes) {
      this.malformed++;
      this.#isSkipping = true;
      this.#carried = 0;
      return;
    }
    this.#carry.set(piece, this.#carried);
    this.#carried += piece.length;
  }

  #line(line: string): void {
    if (line === '') return;
    const { isSerial, sink } = this.#options;
    const isMarked = line.startsWith('>');
    if (isSerial && !isMarked) {
      sink.text?.(line);
      return;
    }
    const text = isMarked ? line.slice(1) : line;
    const log = /^(?:[+-]?\d+(?:\.\d+)?)?:(.*)$/.exec(text);
    if (isMarked && log) sink.text?.(log[1] ?? '');
    else if (!text.startsWith('3D|') && !this.#telemetry(text)) this.malformed++;
  }

  #telemetry(text: string): boolean {
    const [body = '', flagText = ''] = splitOnce(text, '|');
    const [withoutUnit = '', unit] = splitOnce(body, '§');
    const [name = '', points] = splitOnce(withoutUnit, ':');
    if (!NAME.test(name) || points === undefined) return false;
    const flags = flagText.split(',').map((flag) => flag.trim());
    let isGood = true;
    for (const point of points.split(';')) {
      if (point === '') continue;
      const fields = point.split(':').map((field) => field.trim());
      const isRead = flags.includes('t')
        ? this.#textPoint(name, fields)
        : flags.includes('xy')
          ? this.#xyPoint(name, fields, unit)
          : this.#point(name, fields, unit);
      isGood &&= isRead;
    }
    return isGood;
  }

  #point(name: string, fields: readonly string[], unit: string | undefined): boolean {
    const [first = '', second] = fields;
    if (fields.length > 2 || !NUMBER.test(first) || (second !== undefined && !NUMBER.test(second))) return false;
    if (second === undefined) this.#options.sink.point(name, undefined, Number(first), unit);
    else this.#options.sink.point(name, Number(first), Number(second), unit);
    return true;
  }

  #xyPoint(name: string, fields: readonly string[], unit: string | undefined): boolean {
    const [x = '', y = '', ms] = fields;
    if (fields.length > 3 || ![x, y, ms ?? '0'].every((field) => NUMBER.test(field))) return false;
    const timeMs = ms === undefined ? undefined : Number(ms);
    this.#options.sink.point(`${name}.x`, timeMs, Number(x), unit);
    this.#options.sink.point(`${name}.y`, timeMs, Number(y), unit);
    return true;
  }

  #textPoint(name: string, fields: readonly string[]): boolean {
    const isTimed = fields.length > 1 && NUMBER.test(fields[0] ?? '');
    this.#options.sink.text?.(`${name}: ${fields.slice(isTimed ? 1 : 0).join(':')}`);
    return true;
  }
}

function splitOnce(text: string, mark: string): [string, string | undefined] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + mark.length)];
}
