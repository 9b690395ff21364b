import { functionOf, type ModbusRequest } from '../../../protocol/modbus.ts';

/** Forms told apart for one unit and function; with more, any form may come. */
const MAX_FORMS = 32;

interface Owed {
  unit: number;
  code: number;
  /** Undefined: any. */
  forms: Set<number> | undefined;
  untilMs: number;
}

/**
 * Answers of a serial line that may still come: to questions given up, answered with something broken, or cut off by the end of the port. A line opened
 * again is the same wire, so it owes what it owed before.
 */
export class OwedAnswers {
  #owed: Owed[] = [];

  /** Nothing is owed any more. */
  get isEmpty(): boolean {
    if (this.#owed.length > 0) {
      const nowMs = performance.now();
      this.#owed = this.#owed.filter(({ untilMs }) => untilMs > nowMs);
    }
    return this.#owed.length === 0;
  }

  /** The answer comes within `lifeMs`, or never. */
  add(unit: number, request: ModbusRequest, lifeMs: number): void {
    const code = functionOf(request);
    const owed = this.#find(unit, code) ?? { unit, code, forms: new Set<number>(), untilMs: 0 };
    if (owed.untilMs === 0) this.#owed.push(owed);
    owed.untilMs = performance.now() + lifeMs;
    owed.forms?.add(formOf(request));
    if (owed.forms && owed.forms.size > MAX_FORMS) owed.forms = undefined;
  }

  /** An answer of this function, also an exception. */
  owesFunction(unit: number, code: number): boolean {
    return !this.isEmpty && this.#find(unit, code) !== undefined;
  }

  /** An answer that, if it is no exception, looks like the one to this request. */
  owesLike(unit: number, request: ModbusRequest): boolean {
    const owed = this.isEmpty ? undefined : this.#find(unit, functionOf(request));
    return owed !== undefined && (owed.forms?.has(formOf(request)) ?? true);
  }

  /** The unit answered a later question: nothing older follows. */
  settle(unit: number): void {
    this.#owed = this.#owed.filter((one) => one.unit !== unit);
  }

  #find(unit: number, code: number): Owed | undefined {
    return this.#owed.find((one) => one.unit === unit && one.code === code);
  }
}

/** What tells answers of one function apart: the bytes of data read, the address and value (count) written, the value sent back. */
function formOf(request: ModbusRequest): number {
  switch (request.kind) {
    case 'read': {
      const isBits = request.table === 'coil' || request.table === 'discrete';
      return isBits ? Math.ceil(request.count / 8) : request.count * 2;
    }
    case 'write': {
      const [first = 0] = request.values;
      return request.start * 0x1_0000 + (request.values.length === 1 ? first : request.values.length);
    }
    case 'echo':
      return request.value;
    case 'identify':
      return 0;
  }
}
