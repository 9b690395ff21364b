import { LabError } from '../../../core/errors.ts';
import {
  decodeAnswer,
  encodeRequest,
  encodeRtu,
  encodeTcp,
  functionOf,
  MAX_RTU_BYTES,
  type ModbusAnswer,
  type ModbusRequest,
} from '../../../protocol/modbus.ts';
import type { Transport } from '../transport.ts';
import { Deadline } from './deadline.ts';
import { RtuCutter, TcpCutter } from './frame-cutter.ts';
import type { LineSilence } from './line-silence.ts';
import { MODBUS_LIMITS, type ModbusLimits } from './modbus-limits.ts';
import { OwedAnswers } from './owed-answers.ts';
import { StepMarkers } from './step-markers.ts';
import type { Stop } from './stop.ts';

export interface ModbusLineOptions {
  isTcp: boolean;
  limits?: Partial<ModbusLimits> | undefined;
  /** What the wire owes from before; only a serial line does. */
  owed?: OwedAnswers | undefined;
  /** What a serial line keeps before a frame. */
  silence?: LineSilence | undefined;
}

export interface AskOptions {
  /** Default: `answerMs` of the line. */
  timeoutMs?: number | undefined;
  /** Outputs off. */
  isUrgent?: boolean | undefined;
}

interface Question {
  unit: number;
  request: ModbusRequest;
  /** Older answers may come first: what does not fit is one of them. Absent: whatever is of its function is its answer. */
  amongOwed?: {
    /** An exception is its answer, too. */
    canRefuse: boolean;
  };
}

interface Exchange {
  readonly question: Question;
  readonly transaction: number;
  resolve(answer: ModbusAnswer): void;
  /** No answer that can be used: on a serial line it may still come. */
  reject(error: LabError): void;
}

/**
 * One Modbus line: one question and its answer at a time, whichever unit it is for. An answer belongs to the question of its unit and function (TCP:
 * of its transaction number), and only if its form fits. RTU frames carry no number, so the answer to a question that was given up could be taken
 * for the next one's: such an answer is owed, and before the unit is asked a question of that function again, a marker is asked (step-markers.ts).
 *
 *              ask                    answer, exception
 *     quiet ───────▶ asking ───────────────────────────────────────▶ quiet
 *                      │ given up (timeout, stop), broken answer, port ended
 *                      ▼
 *                    owed ──marker answered, or ten seconds──▶ quiet
 */
export class ModbusLine implements AsyncDisposable {
  readonly resource: string;
  readonly closed: Transport['closed'];
  readonly #transport: Transport;
  readonly #isTcp: boolean;
  readonly #limits: ModbusLimits;
  readonly #silence: LineSilence | undefined;
  readonly #owed: OwedAnswers;
  readonly #markers: StepMarkers;
  readonly #deadline = new Deadline();
  readonly #tcp = new TcpCutter();
  readonly #rtu = new RtuCutter();
  #current: Exchange | undefined;
  #gapTimer: ReturnType<typeof setTimeout> | undefined;
  #transaction = 0;
  #ended: LabError | undefined;

  constructor(transport: Transport, { isTcp, limits, owed = new OwedAnswers(), silence }: ModbusLineOptions) {
    this.#transport = transport;
    this.#isTcp = isTcp;
    this.#limits = { ...MODBUS_LIMITS, ...limits };
    this.#silence = silence;
    this.#owed = owed;
    this.#markers = new StepMarkers(owed);
    this.resource = transport.resource;
    this.closed = transport.closed;
    void this.#read();
  }

  /**
   * Asks one unit; whoever calls holds the line. An urgent write waits for no marker where its address and value tell its confirmation from all that are
   * owed (or it is the same write). Throws `transport.timeout` without an answer, `protocol.malformed` for one with a wrong checksum, the reason of the stop, what ended
   * the line. An exception is an answer.
   */
  ask(unit: number, request: ModbusRequest, stop: Stop, options: AskOptions = {}): Promise<ModbusAnswer> {
    const { timeoutMs = this.#limits.answerMs, isUrgent = false } = options;
    const question = { unit, request };
    if (this.#owed.isEmpty) return this.#exchange(question, stop, timeoutMs);
    const code = functionOf(request);
    if (isUrgent && this.#isTold(unit, request)) {
      const amongOwed = { canRefuse: !this.#owed.owesFunction(unit, code) };
      return this.#exchange({ ...question, amongOwed }, stop, timeoutMs);
    }
    return this.#beInStep(unit, code, stop).then(() => this.#exchange(question, stop, timeoutMs));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#gapTimer);
    this.#deadline[Symbol.dispose]();
    await this.#transport[Symbol.asyncDispose]();
  }

  /** Whether its confirmation is told from all that are owed: that of several values names their count only. */
  #isTold(unit: number, request: ModbusRequest): boolean {
    return request.kind === 'write' && (request.values.length === 1 || !this.#owed.owesLike(unit, request));
  }

  async #beInStep(unit: number, code: number, stop: Stop): Promise<void> {
    for (const kind of this.#markers.kinds(unit)) {
      if (!this.#owed.owesFunction(unit, code)) return;
      const marker = this.#markers.make(unit, kind);
      if (!marker) continue;
      try {
        await this.#exchange({ unit, request: marker.request, amongOwed: marker }, stop, this.#limits.markerMs);
        this.#owed.settle(unit);
        this.#markers.prove(unit, kind);
      } catch (error) {
        if (stop.reason || this.#ended) throw error;
      }
    }
    if (!this.#owed.owesFunction(unit, code)) return;
    this.#markers.forget(unit);
    throw this.#silent(unit);
  }

  /** Also what is urgent keeps the silence: sent into the answer of a question given up it would reach nobody. */
  #exchange(question: Question, stop: Stop, timeoutMs: number): Promise<ModbusAnswer> {
    const silence = this.#silence;
    if (!silence || silence.leftMs === 0 || stop.reason) return this.#send(question, stop, timeoutMs);
    return silence.wait(stop).then(() => this.#send(question, stop, timeoutMs));
  }

  #send(question: Question, stop: Stop, timeoutMs: number): Promise<ModbusAnswer> {
    const { unit, request } = question;
    return new Promise((resolve, reject) => {
      const refusal = this.#ended ?? stop.reason;
      if (refusal) return reject(refusal);
      const transaction = (this.#transaction + 1) & 0xffff;
      this.#transaction = transaction;
      const finish = (): boolean => {
        // A write may fail when its question was given up long since and the next one is under way.
        if (this.#current !== exchange) return false;
        this.#current = undefined;
        this.#deadline.clear();
        clearTimeout(this.#gapTimer);
        stop.listen(undefined);
        return true;
      };
      const exchange: Exchange = {
        question,
        transaction,
        resolve: (answer) => {
          if (finish()) resolve(answer);
        },
        reject: (error) => {
          if (!finish()) return;
          // TCP answers carry the number of their question.
          if (!this.#isTcp) this.#owed.add(unit, request, this.#limits.owedMs);
          reject(error);
        },
      };
      this.#deadline.set(timeoutMs, () => exchange.reject(this.#silent(unit)));
      stop.listen(exchange.reject);
      this.#current = exchange;
      const pdu = encodeRequest(request);
      this.#rtu.drop();
      const frame = this.#isTcp ? encodeTcp(transaction, unit, pdu) : encodeRtu(unit, pdu);
      this.#silence?.sent(frame.length);
      this.#transport.write(frame).catch((error: unknown) => exchange.reject(LabError.from(error)));
    });
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const { bytes } = await this.#transport.read();
        this.#silence?.heard();
        if (this.#isTcp) this.#takeTcp(bytes);
        else if (this.#current) this.#takeRtu(bytes);
      }
    } catch (error) {
      this.#ended ??= LabError.from(error);
      this.#current?.reject(this.#ended);
    }
  }

  #takeTcp(chunk: Uint8Array): void {
    const isInStep = this.#tcp.take(chunk, ({ transaction, unit, pdu }) => {
      const current = this.#current;
      if (transaction === current?.transaction && unit === current.question.unit) this.#answer(current, pdu);
    });
    if (isInStep) return;
    const error = this.#malformed('What came is no Modbus/TCP frame', 'The connection was closed. Check the port.');
    this.#ended ??= error;
    this.#current?.reject(error);
    void Promise.resolve(this.#transport[Symbol.asyncDispose]()).catch(() => {});
  }

  #takeRtu(chunk: Uint8Array): void {
    clearTimeout(this.#gapTimer);
    this.#rtu.take(chunk, (unit, pdu) => {
      const current = this.#current;
      if (!current) return;
      const { question } = current;
      // Others are of another unit, or owed since before.
      const isOf = unit === question.unit && ((pdu[0] ?? 0) & 0x7f) === functionOf(question.request);
      if (isOf) this.#answer(current, pdu);
    });
    const current = this.#current;
    if (!current || this.#rtu.waiting === 0) return;
    // Noise without a pause would be gathered for as long as the answer is waited for.
    if (this.#rtu.waiting > MAX_RTU_BYTES) this.#gap(current);
    else this.#gapTimer = setTimeout(() => this.#gap(current), this.#limits.gapMs);
  }

  #gap(current: Exchange): void {
    if (this.#current !== current) return;
    const { waiting } = this.#rtu;
    this.#rtu.drop();
    // Noise of a few bytes is no answer yet; the checksum of something like one is wrong.
    if (waiting >= MIN_ANSWER_BYTES) {
      current.reject(this.#malformed('The checksum (CRC) of the answer is wrong', WIRING));
    }
  }

  #answer(current: Exchange, pdu: Uint8Array): void {
    const { request, amongOwed } = current.question;
    const answer = decodeAnswer(request, pdu);
    if (amongOwed && (!answer || (answer.kind === 'exception' && !amongOwed.canRefuse))) return;
    if (answer) current.resolve(answer);
    else current.reject(this.#malformed('The answer does not fit the question (count, address or value)', WIRING));
  }

  #malformed(what: string, remedy: string): LabError {
    return new LabError('protocol.malformed', `${what} on ${this.resource}; it is not used. ${remedy}`, {
      resource: this.resource,
    });
  }

  #silent(unit: number): LabError {
    return new LabError(
      'transport.timeout',
      `Unit ${unit} on ${this.resource} does not answer. The reading is missing. Check its unit number, baud rate and parity, and the wires A and B.`,
      { resource: this.resource, unit },
    );
  }
}

const MIN_ANSWER_BYTES = 4;
const WIRING = 'Check baud rate, parity and the termination of the line, then ask again.';
