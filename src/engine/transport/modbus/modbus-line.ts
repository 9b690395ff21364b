import { LabError } from '../../../core/errors.ts';
import {
  decodeAnswer,
  decodeTcp,
  encodeRequest,
  encodeRtu,
  encodeTcp,
  functionOf,
  isWholeRtu,
  MAX_RTU_BYTES,
  type ModbusAnswer,
  type ModbusRequest,
  rtuAnswerLength,
} from '../../../protocol/modbus.ts';
import type { Transport } from '../transport.ts';

/** A device that takes longer for an answer is taken for silent, unless the caller is less patient. */
const ANSWER_MS = 5000;
/** Silence that ends a frame of unknown length, and noise: far more than 3.5 characters at 1200 baud. */
const FRAME_GAP_MS = 40;
/** How long the answer to a question asked only to be in step again is waited for, and how many are asked. */
const MARKER_MS = 400;
const MARKERS = 4;
/** An answer not come so long after its question never comes. */
const OWED_MS = 10_000;

interface Owed {
  unit: number;
  code: number;
  untilMs: number;
}

interface Exchange {
  unit: number;
  request: ModbusRequest;
  transaction: number;
  resolve(answer: ModbusAnswer): void;
  reject(error: LabError): void;
}

/**
 * One Modbus line: one question and its answer at a time, whichever unit it is for. An answer belongs to the question of its unit and function (TCP:
 * of its transaction number), and only if its form fits. RTU frames carry no number, so the answer to a question that was given up could be taken
 * for the next one's: such an answer is owed, and before the unit is asked a question of that function again, one of another function is asked
 * (8, return query data): a device answers in order, so behind that answer nothing older comes.
 *
 *              ask                    answer, exception, CRC error
 *     quiet ───────▶ asking ───────────────────────────────────────▶ quiet
 *                      │ given up (timeout, abort)
 *                      ▼
 *                    owed ──marker answered, or ten seconds──▶ quiet
 */
export class ModbusLine implements AsyncDisposable {
  readonly resource: string;
  readonly closed: Transport['closed'];
  readonly #transport: Transport;
  readonly #isTcp: boolean;
  #bytes: Uint8Array = new Uint8Array(0);
  #current: Exchange | undefined;
  #gapTimer: ReturnType<typeof setTimeout> | undefined;
  #owed: Owed[] = [];
  #transaction = 0;
  #ended: LabError | undefined;

  constructor(transport: Transport, isTcp: boolean) {
    this.#transport = transport;
    this.#isTcp = isTcp;
    this.resource = transport.resource;
    this.closed = transport.closed;
    void this.#read();
  }

  /**
   * Asks one unit; whoever calls holds the line. Throws `transport.timeout` without an answer, `protocol.malformed` for one with a wrong checksum,
   * the reason of the signal, what ended the line. An exception is an answer.
   */
  async ask(unit: number, request: ModbusRequest, signal: AbortSignal, timeoutMs = ANSWER_MS): Promise<ModbusAnswer> {
    await this.#beInStep(unit, functionOf(request), signal);
    return this.#exchange(unit, request, signal, timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#gapTimer);
    await this.#transport[Symbol.asyncDispose]();
  }

  async #beInStep(unit: number, code: number, signal: AbortSignal): Promise<void> {
    const nowMs = performance.now();
    this.#owed = this.#owed.filter(({ untilMs }) => untilMs > nowMs);
    for (let tries = 0; tries < MARKERS && this.#owes(unit, code); tries++) {
      // Another function than all that are owed: its answer, also an exception, cannot be one of theirs.
      const marker = MARKER_REQUESTS.find((request) => !this.#owes(unit, functionOf(request)));
      if (!marker) break;
      try {
        await this.#exchange(unit, marker, signal, MARKER_MS);
        this.#owed = this.#owed.filter((one) => one.unit !== unit);
      } catch (error) {
        const { code: failure } = LabError.from(error);
        if (signal.aborted || failure === 'transport.closed' || failure === 'transport.failed') throw error;
      }
    }
    if (this.#owes(unit, code)) throw this.#silent(unit);
  }

  #owes(unit: number, code: number): boolean {
    return this.#owed.some((one) => one.unit === unit && one.code === code);
  }

  #exchange(unit: number, request: ModbusRequest, signal: AbortSignal, timeoutMs: number): Promise<ModbusAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      if (signal.aborted) return reject(LabError.from(signal.reason));
      this.#bytes = new Uint8Array(0);
      this.#transaction = (this.#transaction + 1) & 0xffff;
      const finish = (): void => {
        clearTimeout(timer);
        // A write may fail when its question was given up long since and the next one is under way.
        if (this.#current === exchange) {
          this.#current = undefined;
          clearTimeout(this.#gapTimer);
        }
        signal.removeEventListener('abort', onAbort);
      };
      const giveUp = (error: LabError): void => {
        // TCP answers carry the number of their question.
        if (!this.#isTcp) {
          this.#owed.push({ unit, code: functionOf(request), untilMs: performance.now() + OWED_MS });
        }
        exchange.reject(error);
      };
      const exchange: Exchange = {
        unit,
        request,
        transaction: this.#transaction,
        resolve: (answer) => {
          finish();
          resolve(answer);
        },
        reject: (error) => {
          finish();
          reject(error);
        },
      };
      const onAbort = (): void => giveUp(LabError.from(signal.reason));
      const timer = setTimeout(() => giveUp(this.#silent(unit)), timeoutMs);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#current = exchange;
      const pdu = encodeRequest(request);
      const frame = this.#isTcp ? encodeTcp(this.#transaction, unit, pdu) : encodeRtu(unit, pdu);
      this.#transport.write(frame).catch((error: unknown) => exchange.reject(LabError.from(error)));
    });
  }

  async #read(): Promise<void> {
    try {
      for (;;) this.#take((await this.#transport.read()).bytes);
    } catch (error) {
      this.#ended = LabError.from(error);
      this.#current?.reject(this.#ended);
    }
  }

  #take(chunk: Uint8Array): void {
    if (!this.#current) return;
    const joined = new Uint8Array(this.#bytes.length + chunk.length);
    joined.set(this.#bytes);
    joined.set(chunk, this.#bytes.length);
    this.#bytes = joined;
    if (this.#isTcp) this.#takeTcp();
    else this.#takeRtu();
  }

  #takeTcp(): void {
    for (let frame = decodeTcp(this.#bytes); frame && this.#current; frame = decodeTcp(this.#bytes)) {
      if (frame === 'malformed') {
        this.#bytes = new Uint8Array(0);
        this.#current.reject(this.#malformed('What came is no Modbus/TCP frame'));
        return;
      }
      this.#bytes = this.#bytes.subarray(frame.length);
      if (frame.transaction !== this.#current.transaction || frame.unit !== this.#current.unit) continue;
      this.#answer(this.#current, frame.pdu);
    }
  }

  /** A frame is whole when its length says so; what fits no length ends with silence. */
  #takeRtu(): void {
    clearTimeout(this.#gapTimer);
    for (let current = this.#current; current; current = this.#current) {
      const length = rtuAnswerLength(this.#bytes);
      if (length === undefined || length === 0 || this.#bytes.length < length) break;
      const frame = this.#bytes.subarray(0, length);
      if (!isWholeRtu(frame)) break;
      this.#bytes = this.#bytes.subarray(length);
      // Of another unit, or owed since before.
      if (frame[0] === current.unit) this.#answerOrSkip(current, frame.subarray(1, -2));
    }
    if (this.#current && this.#bytes.length > 0) {
      const current = this.#current;
      this.#gapTimer = setTimeout(() => this.#gap(current), FRAME_GAP_MS);
    }
  }

  #gap(current: Exchange): void {
    if (this.#current !== current) return;
    const bytes = this.#bytes;
    this.#bytes = new Uint8Array(0);
    // Noise of a few bytes is no answer yet; the checksum of something like one is wrong.
    if (bytes.length >= 4 || bytes.length > MAX_RTU_BYTES) {
      current.reject(this.#malformed('The checksum (CRC) of the answer is wrong'));
    }
  }

  #answerOrSkip(current: Exchange, pdu: Uint8Array): void {
    const isItsFunction = ((pdu[0] ?? 0) & 0x7f) === functionOf(current.request);
    if (isItsFunction) this.#answer(current, pdu);
  }

  #answer(current: Exchange, pdu: Uint8Array): void {
    const answer = decodeAnswer(current.request, pdu);
    if (answer) current.resolve(answer);
    else current.reject(this.#malformed('The answer does not fit the question (count, address or value)'));
  }

  #malformed(what: string): LabError {
    return new LabError(
      'protocol.malformed',
      `${what} on ${this.resource}; it is not used. Check baud rate, parity and the termination of the line, then ask again.`,
      { resource: this.resource },
    );
  }

  #silent(unit: number): LabError {
    return new LabError(
      'transport.timeout',
      `Unit ${unit} on ${this.resource} does not answer. The reading is missing. Check its unit number, baud rate and parity, and the wires A and B.`,
      { resource: this.resource, unit },
    );
  }
}

/** Tried in this order; devices that know a function say so or answer with an exception, others stay silent. */
const MARKER_REQUESTS: readonly ModbusRequest[] = [
  { kind: 'echo', value: 0x4c57 },
  { kind: 'read', table: 'holding', start: 0, count: 1 },
  { kind: 'read', table: 'input', start: 0, count: 1 },
  { kind: 'read', table: 'coil', start: 0, count: 1 },
];
