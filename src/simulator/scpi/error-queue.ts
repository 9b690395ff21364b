/** SCPI-99 21.8: the standard errors the bench can make. The class decides the bit of the event status register. */
export const SCPI_ERRORS = {
  [-100]: 'Command error',
  [-102]: 'Syntax error',
  [-103]: 'Invalid separator',
  [-104]: 'Data type error',
  [-108]: 'Parameter not allowed',
  [-109]: 'Missing parameter',
  [-110]: 'Command header error',
  [-113]: 'Undefined header',
  [-114]: 'Header suffix out of range',
  [-120]: 'Numeric data error',
  [-131]: 'Invalid suffix',
  [-138]: 'Suffix not allowed',
  [-141]: 'Invalid character data',
  [-151]: 'Invalid string data',
  [-200]: 'Execution error',
  [-211]: 'Trigger ignored',
  [-213]: 'Init ignored',
  [-214]: 'Trigger deadlock',
  [-221]: 'Settings conflict',
  [-222]: 'Data out of range',
  [-224]: 'Illegal parameter value',
  [-230]: 'Data corrupt or stale',
  [-350]: 'Queue overflow',
  [-363]: 'Input buffer overrun',
  [-410]: 'Query INTERRUPTED',
  [-420]: 'Query UNTERMINATED',
} as const;

export type ScpiErrorCode = keyof typeof SCPI_ERRORS;

/** Thrown by command handlers; ends its program message unit and goes into the error queue. */
export class ScpiError extends Error {
  readonly code: ScpiErrorCode;

  constructor(code: ScpiErrorCode) {
    super(SCPI_ERRORS[code]);
    this.code = code;
  }
}

/** First in, first out. When it is full the newest entry becomes -350 (SCPI-99 21.8.1) and later errors are lost. */
export class ErrorQueue {
  readonly #errors: ScpiErrorCode[] = [];
  readonly #limit: number;

  constructor(limit = 20) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#errors.length;
  }

  push(code: ScpiErrorCode): void {
    if (this.#errors.length < this.#limit) this.#errors.push(code);
    else this.#errors[this.#limit - 1] = -350;
  }

  /** Oldest error, removed; undefined when empty. */
  take(): ScpiErrorCode | undefined {
    return this.#errors.shift();
  }

  clear(): void {
    this.#errors.length = 0;
  }
}
