import { ByteQueue } from '../../../core/byte-queue.ts';
import { createDeferred, type Deferred } from '../../../core/deferred.ts';
import { type ErrorCode, LabError } from '../../../core/errors.ts';
import { exceptionText, type ModbusAnswer, type ModbusRequest } from '../../../protocol/modbus.ts';
import { isAsking, type ModbusStep, parseModbusMessage } from '../../../protocol/modbus-text.ts';
import { decodeLatin1 } from '../../../protocol/scpi-line.ts';
import { cancellation } from '../read-buffer.ts';
import type { ReadOptions, ReadResult, Transport, TransportControl, WriteOptions } from '../transport.ts';
import type { SharedLine } from './line-turn.ts';
import { readModbusIdentity } from './modbus-identity.ts';

/** A message given in pieces. */
const MAX_MESSAGE_BYTES = 16 * 1024;

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
  /** The answer, LF at its end; read from the front. */
  readonly #answer = new ByteQueue();
  #arrival: Deferred<void> | undefined;
  #isReadPending = false;
  #current: AbortController | undefined;
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
    const text = this.#pieces.trim();
    this.#pieces = '';
    const steps = parseModbusMessage(text);
    this.#giveUp();
    const own = new AbortController();
    this.#current = own;
    const onAbort = (): void => own.abort(signal && cancellation(signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const answers = await this.#use.shared.run({ isUrgent, signal: own.signal }, (both) => this.#run(steps, both));
      if (this.#current !== own || answers.length === 0) return;
      this.#answer.push(new TextEncoder().encode(`${answers.join(';')}\n`));
      this.#arrival?.resolve();
    } finally {
      signal?.removeEventListener('abort', onAbort);
      if (this.#current === own) this.#current = undefined;
    }
  }

  async read({ max = MAX_MESSAGE_BYTES, termChar, signal }: ReadOptions = {}): Promise<ReadResult> {
    if (this.#isReadPending) {
      throw new LabError('call.invalid', 'A read is waiting on this instrument already; one at a time.');
    }
    this.#isReadPending = true;
    try {
      while (this.#answer.length === 0) {
        if (signal?.aborted) throw cancellation(signal);
        if (this.#ended) throw this.#ended;
        this.#arrival = createDeferred<void>();
        const { promise, reject } = this.#arrival;
        const onAbort = (): void => reject(signal && cancellation(signal));
        signal?.addEventListener('abort', onAbort, { once: true });
        await promise.finally(() => signal?.removeEventListener('abort', onAbort));
      }
      const found = termChar === undefined ? -1 : this.#answer.indexOf(termChar);
      const count = Math.min(this.#answer.length, Math.max(1, max), found < 0 ? Number.POSITIVE_INFINITY : found + 1);
      const bytes = this.#answer.take(count) ?? new Uint8Array(0);
      return { bytes, end: this.#answer.length === 0 };
    } finally {
      this.#isReadPending = false;
      this.#arrival = undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const reason = new LabError('transport.closed', `The connection was closed here (${this.resource}).`, {
      resource: this.resource,
    });
    this.#current?.abort(reason);
    this.#end(reason);
    await this.#use[Symbol.asyncDispose]();
  }

  async #run(steps: readonly ModbusStep[], signal: AbortSignal): Promise<string[]> {
    const answers: string[] = [];
    for (const step of steps) {
      const answer = await this.#step(step, signal);
      if (isAsking(step)) answers.push(answer);
    }
    return answers;
  }

  async #step(step: ModbusStep, signal: AbortSignal): Promise<string> {
    if (step.kind === 'idn') {
      const { line } = this.#use.shared;
      return readModbusIdentity(this.#unit, (request, ms) => line.ask(this.#unit, request, signal, ms));
    }
    return this.#words(step, await this.#use.shared.line.ask(this.#unit, step, signal));
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

  #giveUp(): void {
    this.#current?.abort(new LabError('call.cancelled', 'Another message was sent.'));
    this.#current = undefined;
    this.#answer.clear();
  }

  #clear(): void {
    if (this.#ended) throw this.#ended;
    this.#pieces = '';
    this.#giveUp();
    this.#arrival?.reject(
      new LabError('transport.timeout', `A clear ended the wait for an answer of ${this.resource}; it is missing.`),
    );
  }

  #end(error: LabError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#arrival?.reject(error);
    this.#closed.resolve({ code: error.code, message: error.message });
  }
}
