import { LabError } from '../../core/errors.ts';
import { formatScpiError, parseScpiError, type ScpiError, scpiErrorClass } from '../../protocol/scpi-error.ts';
import { isQuery, splitResponse } from '../../protocol/scpi-line.ts';
import { parseScpiBoolean, parseScpiNumber } from '../../protocol/scpi-number.ts';
import type { ExchangeOptions, Session, Wire } from '../session/session.ts';

/** Answers of one round, with the times of its first byte out and its last byte in; ns since 1970. */
export interface Answers {
  texts: string[];
  sentNs: bigint;
  receivedNs: bigint;
}

/** Whether a text can be the answer to that query. */
export type Check = (text: string, index: number) => boolean;

/** Queries in one message: longer ones overrun the input buffer of small instruments. */
const MAX_PER_MESSAGE = 16;
const MAX_MESSAGE_BYTES = 400;
/** An error queue holds 20 or 30 entries; one that never empties is not read for ever. */
const MAX_ERRORS = 40;
const ERROR_QUERY = ':SYST:ERR?';

/** What a dialect has of its own; all defaults are those of SCPI-99. */
export interface DialogOptions {
  /** Reads what the instrument has to complain about, until nothing is left. */
  readErrors?: ((wire: Wire) => Promise<ScpiError[]>) | undefined;
  /** False: it takes one question a message. Default: tried. */
  isCompound?: boolean | undefined;
  /** Waits until what was written has taken effect. */
  settle?: (() => Promise<void>) | undefined;
}

/** How SCPI drivers talk: several queries in one message where the instrument takes that, and writes with the error queue read after them. */
export class ScpiDialog {
  readonly #session: Session;
  readonly #report: (error: LabError) => void;
  readonly #readErrors: (wire: Wire) => Promise<ScpiError[]>;
  readonly #settle: (() => Promise<void>) | undefined;
  /** Compound queries: known to work, known not to, or not tried. */
  #compound: boolean | undefined;

  constructor(session: Session, report: (error: LabError) => void, options: DialogOptions = {}) {
    this.#session = session;
    this.#report = report;
    this.#readErrors = options.readErrors ?? readErrors;
    this.#settle = options.settle;
    if (options.isCompound === false) this.#compound = false;
  }

  async ask(queries: readonly string[], options: ExchangeOptions = {}, check?: Check): Promise<Answers> {
    if (queries.length > 1 && this.#compound !== false) {
      try {
        const answers = await this.#askCompound(queries, options, check);
        this.#compound = true;
        return answers;
      } catch (error) {
        const code = LabError.from(error).code;
        if (this.#compound || (code !== 'transport.timeout' && code !== 'protocol.malformed')) throw error;
        this.#compound = false;
      }
    }
    const answers: Answers = { texts: [], sentNs: 0n, receivedNs: 0n };
    for (const [index, query] of queries.entries()) {
      const expect = check ? (text: string): boolean => check(text, index) : undefined;
      const reply = await this.#session.queryTimed(query, expect ? { ...options, expect } : options);
      if (index === 0) answers.sentNs = reply.sentNs;
      answers.receivedNs = reply.receivedNs;
      answers.texts.push(reply.text);
    }
    return answers;
  }

  /**
   * The same behind commands that select what is meant (`INST:NSEL 2`): the selection is a state of the whole instrument, so nothing of
   * others comes between.
   */
  askSelected(
    select: readonly string[],
    queries: readonly string[],
    options: ExchangeOptions = {},
    check?: Check,
  ): Promise<Answers> {
    if (select.length === 0) return this.ask(queries, options, check);
    return this.#session.transaction(async (wire) => {
      for (const command of select) await wire.write(command);
      const answers: Answers = { texts: [], sentNs: 0n, receivedNs: 0n };
      for (const [index, query] of queries.entries()) {
        const expect = check ? (text: string): boolean => check(text, index) : undefined;
        const reply = await wire.query(query, options.timeoutMs, expect);
        if (index === 0) answers.sentNs = reply.sentNs;
        answers.receivedNs = reply.receivedNs;
        answers.texts.push(reply.text);
      }
      return answers;
    }, options);
  }

  /**
   * Writes, then reads the error queue until it is empty. Throws `instrument.rejected` with all it said. What stood in the queue before, and
   * errors of interrupted queries (-4xx), are not the fault of these commands: they are reported. What selects the output is checked before anything
   * else is sent: behind a refused selection the commands would mean another output.
   */
  change(commands: readonly string[], options: ExchangeOptions = {}, select: readonly string[] = []): Promise<void> {
    return this.#session.transaction(async (wire) => {
      this.#tell(await this.#readErrors(wire), 'found in its error queue');
      for (const command of select) await wire.write(command);
      const unselected = select.length > 0 ? await this.#readErrors(wire) : [];
      if (unselected.length > 0) throw rejection(select, unselected, this.#session.resource);
      for (const command of commands) await (isQuery(command) ? wire.query(command) : wire.write(command));
      await this.#settle?.();
      const errors = await this.#readErrors(wire);
      const rejected = errors.filter(({ code }) => scpiErrorClass(code) !== 'query');
      this.#tell(
        errors.filter(({ code }) => scpiErrorClass(code) === 'query'),
        'after an interrupted query',
      );
      if (rejected.length > 0) throw rejection(commands, rejected, this.#session.resource);
    }, options);
  }

  /** Why a query was not answered, if the error queue says so: the instrument refused it. Undefined if the queue is empty. */
  async explain(query: string, options: ExchangeOptions = {}): Promise<LabError | undefined> {
    const errors = await this.#session.transaction((wire) => this.#readErrors(wire), options);
    return errors.length > 0 ? rejection([query], errors, this.#session.resource) : undefined;
  }

  async #askCompound(queries: readonly string[], options: ExchangeOptions, check: Check | undefined): Promise<Answers> {
    const answers: Answers = { texts: [], sentNs: 0n, receivedNs: 0n };
    for (const part of inMessages(queries)) {
      const first = answers.texts.length;
      const expect = (text: string): boolean => {
        const texts = splitResponse(text);
        return texts.length === part.length && (!check || texts.every((one, index) => check(one, first + index)));
      };
      const reply = await this.#session.queryTimed(compound(part), { ...options, expect });
      if (first === 0) answers.sentNs = reply.sentNs;
      answers.receivedNs = reply.receivedNs;
      answers.texts.push(...splitResponse(reply.text));
    }
    return answers;
  }

  #tell(errors: readonly ScpiError[], where: string): void {
    for (const error of errors) {
      this.#report(
        new LabError('instrument.rejected', `${this.#session.resource}: ${formatScpiError(error)}, ${where}.`, {
          code: error.code,
        }),
      );
    }
  }
}

/** A word of the dialect: `CV`, `"VOLT:DC"`, `NORM`, `CHAN1`. */
export function isWord(text: string): boolean {
  return /^["']?[A-Z][A-Z0-9:]*["']?$/i.test(text.trim());
}

/** A number, also one with a suffix or an overload. */
export function isNumber(text: string): boolean {
  return parseScpiNumber(text) !== undefined;
}

/** 0, 1, ON, OFF. */
export function isBoolean(text: string): boolean {
  return parseScpiBoolean(text) !== undefined;
}

/** Reads the error queue until it is empty. */
export async function readErrors(wire: Wire): Promise<ScpiError[]> {
  const errors: ScpiError[] = [];
  while (errors.length < MAX_ERRORS) {
    const { text } = await wire.query(ERROR_QUERY, undefined, (reply) => parseScpiError(reply) !== undefined);
    const error = parseScpiError(text);
    if (!error || error.code === 0) break;
    errors.push(error);
  }
  return errors;
}

function rejection(commands: readonly string[], errors: readonly ScpiError[], resource: string): LabError {
  const said = errors.map(formatScpiError).join('; ');
  return new LabError(
    'instrument.rejected',
    `The instrument refused '${commands.join(';')}': ${said}. Its setting is as read back.`,
    { resource, codes: errors.map(({ code }) => code) },
  );
}

/** Behind the first, a header without its colon would continue at the node of the one before (SCPI-99 6.2.4). */
function compound(queries: readonly string[]): string {
  return queries.map((query, index) => (index > 0 && /^[A-Za-z]/.test(query) ? `:${query}` : query)).join(';');
}

function inMessages(queries: readonly string[]): string[][] {
  const messages: string[][] = [];
  let sizeBytes = 0;
  for (const query of queries) {
    const last = messages.at(-1);
    if (last && last.length < MAX_PER_MESSAGE && sizeBytes + query.length < MAX_MESSAGE_BYTES) last.push(query);
    else {
      messages.push([query]);
      sizeBytes = 0;
    }
    sizeBytes += query.length + 1;
  }
  return messages;
}
