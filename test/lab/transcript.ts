import type { MemoryDevice } from '../../src/engine/transport/memory-transport.ts';
import { makeBytes } from './transcript-bytes.ts';
import { type Captured, compilePattern, type Pattern } from './transcript-pattern.ts';
import type { Transcript, TranscriptReaction, TranscriptReply } from './transcript-schema.ts';
import { fillTemplate, type Names } from './transcript-template.ts';

interface Exchange {
  pattern: Pattern;
  reactions: TranscriptReaction[];
}

interface Answer {
  bytes: Uint8Array;
  /** What ends the message after it, if not the terminator of the wire. */
  tail?: string | undefined;
}

/**
 * A unit that knows what its transcript says and nothing else. A request of no exchange is a failure: the driver asked something its
 * source does not document; the unit then stays silent and puts its own error into its queue, as the real one does.
 */
export class TranscriptUnit {
  readonly state: Record<string, string | number>;
  /** What went wrong, with severity; empty after a driver that keeps to the source. */
  readonly failures: string[] = [];
  /** Requests, oldest first. */
  readonly requests: string[] = [];
  readonly #transcript: Transcript;
  readonly #exchanges: Exchange[];
  #queue: [number, string][] = [];
  #told: [number, string][] = [];
  #refusal: [number, string] | undefined;

  constructor(transcript: Transcript) {
    this.#transcript = transcript;
    this.state = { ...transcript.state };
    const compile = (pattern: string): Pattern => compilePattern(pattern, transcript.wire.style);
    this.#exchanges = transcript.exchanges.flatMap(({ requests }) =>
      Object.entries(requests).map(([pattern, reactions]) => ({ pattern: compile(pattern), reactions })),
    );
  }

  /** Takes what comes on this wire. */
  attach(device: MemoryDevice): void {
    const { requestEnd } = this.#transcript.wire;
    let text = '';
    device.onBytes((bytes) => {
      text += String.fromCharCode(...bytes);
      const lines = requestEnd === '' ? [text, ''] : text.split(requestEnd);
      text = lines.pop() ?? '';
      for (const line of lines) {
        const reply = this.respond(line);
        if (reply.length > 0) void device.send(reply);
      }
    });
  }

  /** The next command is refused with this error. */
  refuseNext(error: [number, string]): void {
    this.#refusal = error;
  }

  /** Requests whose reaction was never wanted: for the author of a transcript. */
  get errorCount(): number {
    return this.#queue.length + this.#told.length;
  }

  /** One message; the reply with its end, empty if there is none. */
  respond(message: string): Uint8Array {
    const { style, compound, replyEnd } = this.#transcript.wire;
    const line = style === 'scpi' ? message.trim() : message;
    if (line === '') return new Uint8Array();
    const answers = (compound ? splitMessage(line) : [line]).flatMap((request) => this.#react(request) ?? []);
    const last = answers.at(-1);
    if (!last) return new Uint8Array();
    const parts = answers.flatMap(({ bytes }, index) => (index === 0 ? [bytes] : [latin1(';'), bytes]));
    return join([...parts, latin1(last.tail ?? replyEnd)]);
  }

  #react(request: string): Answer | undefined {
    this.requests.push(request);
    const common = this.#reactToCommon(request);
    if (common !== undefined) return common === '' ? undefined : { bytes: latin1(common) };
    for (const { pattern, reactions } of this.#exchanges) {
      const captured = pattern.match(request);
      if (!captured) continue;
      const names: Names = { ...this.state, ...this.#fillDefaults(captured) };
      const reaction = reactions.find(({ when }) => this.#holds(when, names));
      if (reaction) return this.#perform(reaction, captured, names);
    }
    this.failures.push(`unknown request: '${request}' is in no exchange of ${this.#transcript.family}`);
    this.#fail(this.#transcript.errors?.undefined);
    return undefined;
  }

  #perform(reaction: TranscriptReaction, captured: Captured, names: Names): Answer | undefined {
    const refusal = reaction.set ? this.#takeRefusal() : undefined;
    const isOutside = captured.limits.some(({ name, least, most }) => {
      const value = Number(captured.values[name]);
      return value < Number(fillTemplate(least, names)) || value > Number(fillTemplate(most, names));
    });
    const error = refusal ?? reaction.error ?? (isOutside ? this.#transcript.errors?.range : undefined);
    if (error || isOutside) {
      this.#fail(error);
      return undefined;
    }
    for (const [name, value] of Object.entries(reaction.set ?? {})) {
      const key = fillTemplate(name, names);
      if (!(key in this.state)) throw new Error(`transcript ${this.#transcript.family}: no state '${key}'`);
      const text = fillTemplate(value, names);
      this.state[key] = text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
    }
    return reaction.reply === undefined ? undefined : answerOf(reaction.reply, names);
  }

  #reactToCommon(request: string): string | undefined {
    const { common, errors, idn, wire } = this.#transcript;
    const header = wire.style === 'scpi' ? request.trim().toUpperCase() : request;
    if (common.includes(header)) {
      if (header === '*IDN?') return idn;
      if (header === '*OPC?') return '1';
      if (header === '*STB?') return String(this.errorCount > 0 ? 4 : 0);
      if (header === '*ESR?') return this.#readEventStatus();
      if (header === '*CLS') this.#queue = [];
      if (header === '*CLS') this.#told = [];
      return '';
    }
    if (!errors) return undefined;
    const queue = errors.isAfterEsr ? this.#told : this.#queue;
    if (errors.next !== undefined && compilePattern(errors.next, wire.style).match(request)) {
      const [error] = queue.splice(0, 1);
      return error ? this.#entry(error) : errors.empty;
    }
    if (errors.all !== undefined && compilePattern(errors.all, wire.style).match(request)) {
      const all = queue.splice(0);
      return all.length === 0 ? errors.empty : all.map((error) => this.#entry(error)).join(',');
    }
    return undefined;
  }

  /** IEEE 488.2 11.5.1: bit 5 command error, 4 execution error, 3 device error, 2 query error; reading clears. */
  #readEventStatus(): string {
    let byte = 0;
    for (const [code] of this.#queue) byte |= code > -200 ? 32 : code > -300 ? 16 : code > -400 ? 8 : 4;
    if (this.#transcript.errors?.isAfterEsr) {
      this.#told.push(...this.#queue);
      this.#queue = [];
    }
    return String(byte);
  }

  #entry([code, text]: [number, string]): string {
    return fillTemplate(this.#transcript.errors?.entry ?? '', { code, text });
  }

  #fail(error: [number, string] | undefined): void {
    if (error && this.#transcript.errors) this.#queue.push(error);
  }

  #takeRefusal(): [number, string] | undefined {
    const refusal = this.#refusal;
    this.#refusal = undefined;
    return refusal;
  }

  #fillDefaults({ values }: Captured): Names {
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, fillTemplate(value, this.state)]));
  }

  #holds(when: Record<string, string> | undefined, names: Names): boolean {
    return Object.entries(when ?? {}).every(
      ([name, value]) => String(names[fillTemplate(name, names)]) === fillTemplate(value, names),
    );
  }
}

function answerOf(reply: TranscriptReply, names: Names): Answer {
  if (typeof reply === 'string') return { bytes: latin1(fillTemplate(reply, names)) };
  if ('bytes' in reply) return { bytes: makeBytes(reply.bytes, names), tail: '' };
  const data = makeBytes(reply.block, names);
  const length = String(data.length).padStart(reply.digits ?? 1, '0');
  return {
    bytes: join([latin1(`${fillTemplate(reply.lead ?? '', names)}#${length.length}${length}`), data]),
    tail: reply.tail,
  };
}

/** SCPI-99 volume 1, 6.2.4: without a colon in front a header goes on at the node of the one before; common commands leave it. */
function splitMessage(line: string): string[] {
  let node = '';
  const requests: string[] = [];
  for (const part of line.split(/;(?=(?:[^"']*["'][^"']*["'])*[^"']*$)/)) {
    const text = part.trim();
    if (text === '') continue;
    if (text.startsWith('*')) {
      requests.push(text);
      continue;
    }
    const whole = text.startsWith(':') ? text : `${node}:${text}`;
    const header = whole.split(/[\s?]/)[0] ?? '';
    node = header.slice(0, header.lastIndexOf(':'));
    requests.push(whole);
  }
  return requests;
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (one) => one.charCodeAt(0));
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
