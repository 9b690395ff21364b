import type { Clock } from '../../core/clock.ts';
import type { LabError } from '../../core/errors.ts';

const KEPT = 100;

/** One error of an instrument. `code`: of SCPI, where the instrument said one, else 0. */
export interface KeptError {
  t: string;
  code: number;
  text: string;
}

/** The newest errors of one instrument, the newest last. */
export class ErrorHistory {
  readonly #clock: Clock;
  #errors: KeptError[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get list(): readonly KeptError[] {
    return this.#errors;
  }

  add({ message, details }: LabError): void {
    const codes = Array.isArray(details.codes) ? details.codes : [details.code];
    const code = codes.find((one) => typeof one === 'number' && Number.isInteger(one));
    const error = { t: String(this.#clock.nowNs()), code: typeof code === 'number' ? code : 0, text: message };
    this.#errors = [...this.#errors.slice(1 - KEPT), error];
  }
}
