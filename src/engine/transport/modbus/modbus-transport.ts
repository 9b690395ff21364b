import { createDeferred } from '../../../core/deferred.ts';
import { type ErrorCode, LabError } from '../../../core/errors.ts';
import { exceptionText, type ModbusAnswer, type ModbusRequest } from '../../../protocol/modbus.ts';
import { isAsking, type ModbusStep, parseModbusMessage } from '../../../protocol/modbus-text.ts';
import { decodeLatin1 } from '../../../protocol/scpi-line.ts';
import { cancellation, ReadPlace } from '../read-buffer.ts';
import type { ReadOptions, ReadResult, Transport, TransportControl, WriteOptions } from '../transport.ts';
import type { SharedLine } from './line-turn.ts';
import { readModbusIdentity } from './modbus-identity.ts';
import { Stop } from './stop.ts';

/** A message given in pieces. */
const MAX_MESSAGE_BYTES = 16 * 1024;
/** Messages whose steps are kept. */
const MAX_PARSED = 64;
const NOTHING = new Uint8Array(0);

/**
 * One unit on a Modbus line as an instrument that takes messages in words (docs/protocols/modbus.md). A message is carried out whole before the write
 * resolves: what the device refuses rejects the write with `instrument.rejected`, so a command is known to be done. A new message, and `clear`, give
 * up the one before; its answer reaches nobody.
 */
export class ModbusTransport implements Transport {
  readonly resource: string;
  readonly isMessageBased = true;
  readonly closed: Promise<{ code: ErrorCode; message: string }>;
  readonly control: TransportControl;
  readonly #use: { shared: SharedLine } & AsyncDisposable;
  readonly #unit: number;
  readonly #closed = createDeferred<{ code: ErrorCode; message: string }>();
  #pieces = '';
  /** What is not read yet of the answer, which ends with LF. */
  #answer: Uint8Array = NOTHING;
  readonly #place = new ReadPlace();
  readonly #parsed = new Map<string, readonly ModbusStep[]>();
  #current: Stop | undefined;
  #ended: LabError | undefined;

  constructor(use: { shared: SharedLine } & AsyncDisposable, unit: number, resource: string) {
    this.#use = use;
    this.#unit = unit;
    this.resource = resource;
    this.closed = this.#closed.promise;
    void use.shared.line.closed.then(({ code, message }) => this.#end(new LabError(code, message, { resource })));
    this.control = { clear: async () => this.#clear() };
  }

  /**
   * Throws `call.invalid` for what is no message, `instrument.rejected` when the device refuses it, `transport.timeout`, `protocol.malformed`,
   * `safety.refused`.
   */
  async write(bytes: Uint8Array, { end = false, signal, isUrgent = false }: WriteOptions = {}): Promise<void> {
    if (this.#ended) throw this.#ended;
    if (signal?.aborted) throw cancellation(signal);
    if (this.#pieces.length + bytes.length > MAX_MESSAGE_BYTES) {
      this.#pieces = '';
      throw new LabError('protocol.too-long', `A Modbus message of more than ${MAX_MESSAGE_BYTES} bytes is not sent.`);
    }
    this.#pieces += decodeLatin1(bytes);
    if (!end) return;
    const text = this.#pieces;
    this.#pieces = '';
    const steps = this.#parse(text);
    this.#giveUp();
    const stop = new Stop();
    this.#current = stop;
    const onAbort = signal && ((): void => stop.end(cancellation(signal)));
    if (onAbort) signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const answer = await this.#use.shared.run({ isUrgent, stop }, () => this.#run(steps, stop, isUrgent));
      if (this.#current !== stop || answer === '') return;
      this.#answer = Buffer.from(`${answer}\n`, 'latin1');
      this.#serve();
    } finally {
      if (onAbort) signal?.removeEventListener('abort', onAbort);
      if (this.#current === stop) this.#current = undefined;
    }
  }

  read(options: ReadOptions = {}): Promise<ReadResult> {
    return this.#place.wait(options, () => this.#serve());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const reason = new LabError('transport.closed', `The connection was closed here (${this.resource}).`, {
      resource: this.resource,
    });
    this.#current?.end(reason);
    this.#end(reason);
    await this.#use[Symbol.asyncDispose]();
  }

  #serve(): void {
    const { pending } = this.#place;
    if (!pending) return;
    const { length } = this.#answer;
    if (length > 0) {
      const found = pending.termChar === undefined ? -1 : this.#answer.indexOf(pending.termChar);
      const count = Math.min(found < 0 ? length : found + 1, pending.max);
      const bytes = this.#answer.subarray(0, count);
      this.#answer = this.#answer.subarray(count);
      pending.resolve({ bytes, end: count === length });
    } else if (this.#ended) pending.reject(this.#ended);
  }

  /** Answers of the steps that ask, joined by `;`. */
  async #run(steps: readonly ModbusStep[], stop: Stop, isUrgent: boolean): Promise<string> {
    const { line } = this.#use.shared;
    const ask = (request: ModbusRequest, timeoutMs?: number): Promise<ModbusAnswer> =>
      line.ask(this.#unit, request, stop, { timeoutMs, isUrgent });
    let text = '';
    for (const step of steps) {
      const answer =
        step.kind === 'idn' ? await readModbusIdentity(this.#unit, ask) : this.#words(step, await ask(step));
      if (isAsking(step)) text += text === '' ? answer : `;${answer}`;
    }
    return text;
  }

  #words(request: ModbusRequest, answer: ModbusAnswer): string {
    if (answer.kind === 'values') return answer.values.join(',');
    if (answer.kind !== 'exception') return '';
    const doing = request.kind === 'write' ? 'write' : 'question';
    throw new LabError(
      'instrument.rejected',
      `${this.resource} refused the ${doing}: ${exceptionText(answer.code)}. Its setting is as read back.`,
      { resource: this.resource, code: answer.code },
    );
  }

  /** Whoever polls asks the same again and again. */
  #parse(text: string): readonly ModbusStep[] {
    const known = this.#parsed.get(text);
    if (known) return known;
    const steps = parseModbusMessage(text);
    if (this.#parsed.size >= MAX_PARSED) this.#parsed.clear();
    this.#parsed.set(text, steps);
    return steps;
  }

  #giveUp(): void {
    this.#answer = NOTHING;
    const current = this.#current;
    this.#current = undefined;
    current?.end(new LabError('call.cancelled', 'Another message was sent.'));
  }

  #clear(): void {
    if (this.#ended) throw this.#ended;
    this.#pieces = '';
    this.#giveUp();
    this.#place.pending?.reject(
      new LabError('transport.timeout', `A clear ended the wait for an answer of ${this.resource}; it is missing.`),
    );
  }

  #end(error: LabError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#place.pending?.reject(error);
    this.#closed.resolve({ code: error.code, message: error.message });
  }
}
