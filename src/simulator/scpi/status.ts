import type { ScpiErrorCode } from './error-queue.ts';

/** Event status register, IEEE 488.2 11.5.1. */
export const ESR = { operationComplete: 1, query: 4, device: 8, execution: 16, command: 32, powerOn: 128 } as const;

/** One of the SCPI status groups (SCPI-99 20): a condition now, events latched on its rising edges, and a mask. */
export class StatusGroup {
  event = 0;
  enable = 0;
  #condition = 0;

  get condition(): number {
    return this.#condition;
  }

  update(condition: number): void {
    this.event |= condition & ~this.#condition;
    this.#condition = condition;
  }

  takeEvent(): number {
    const event = this.event;
    this.event = 0;
    return event;
  }

  get summary(): boolean {
    return (this.event & this.enable) !== 0;
  }
}

/** The status model of one instrument. */
export class Status {
  eventStatus: number = ESR.powerOn;
  eventStatusEnable = 0;
  serviceRequestEnable = 0;
  readonly operation = new StatusGroup();
  readonly questionable = new StatusGroup();

  /** The class of an error sets its bit: -1xx command, -2xx execution, -3xx device, -4xx query. */
  noteError(code: ScpiErrorCode): void {
    if (code > -200) this.eventStatus |= ESR.command;
    else if (code > -300) this.eventStatus |= ESR.execution;
    else if (code > -400) this.eventStatus |= ESR.device;
    else this.eventStatus |= ESR.query;
  }

  takeEventStatus(): number {
    const register = this.eventStatus;
    this.eventStatus = 0;
    return register;
  }

  /** Status byte, IEEE 488.2 11.2: 2 error queue, 3 questionable, 5 event status, 6 master summary, 7 operation. */
  byte(errors: number): number {
    let byte = errors > 0 ? 4 : 0;
    if (this.questionable.summary) byte |= 8;
    if (this.eventStatus & this.eventStatusEnable) byte |= 32;
    if (this.operation.summary) byte |= 128;
    return byte & this.serviceRequestEnable ? byte | 64 : byte;
  }

  /** *CLS clears events, never masks (IEEE 488.2 10.3). */
  clear(): void {
    this.eventStatus = 0;
    this.operation.event = 0;
    this.questionable.event = 0;
  }
}
