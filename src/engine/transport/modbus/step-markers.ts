import { functionOf, type ModbusRequest, type ModbusTable } from '../../../protocol/modbus.ts';
import type { OwedAnswers } from './owed-answers.ts';

type MarkerKind = 'echo' | ModbusTable;

/** 8 (return query data), 3, 4, 1, 2. Devices that know a function answer it or say so with an exception, others stay silent. */
const KINDS: readonly MarkerKind[] = ['echo', 'holding', 'input', 'coil', 'discrete'];
/** One that was answered before may be lost to noise. */
const PROVEN_TRIES = 2;
/** Lengths a read is tried with. */
const LENGTHS = [1, 2, 3, 4, 5, 6, 7, 8];

export interface StepMarker {
  kind: MarkerKind;
  request: ModbusRequest;
  /** An exception proves as much as the answer: none of its function is owed. */
  canRefuse: boolean;
}

/**
 * Questions asked only to be in step again; all of them read. A device answers in order, so behind the answer to a marker nothing older comes. It is
 * told from all that are owed by its function, or by its form: each echo has a value of its own, a read another length.
 */
export class StepMarkers {
  readonly #owed: OwedAnswers;
  /** By unit: what was answered before. */
  readonly #proven = new Map<number, MarkerKind>();
  #value = 0x4c57;

  constructor(owed: OwedAnswers) {
    this.#owed = owed;
  }

  /** Kinds to ask, in this order. */
  kinds(unit: number): readonly MarkerKind[] {
    const proven = this.#proven.get(unit);
    return proven ? new Array<MarkerKind>(PROVEN_TRIES).fill(proven) : KINDS;
  }

  /** Undefined: nothing would tell its answer from those owed. */
  make(unit: number, kind: MarkerKind): StepMarker | undefined {
    const request = this.#requests(kind).find((one) => !this.#owed.owesLike(unit, one));
    return request && { kind, request, canRefuse: !this.#owed.owesFunction(unit, functionOf(request)) };
  }

  /** It was answered. */
  prove(unit: number, kind: MarkerKind): void {
    this.#proven.set(unit, kind);
  }

  /** None was answered: all kinds are tried again. */
  forget(unit: number): void {
    this.#proven.delete(unit);
  }

  #requests(kind: MarkerKind): ModbusRequest[] {
    if (kind === 'echo') {
      this.#value = (this.#value + 1) & 0xffff;
      return [{ kind, value: this.#value }];
    }
    const isBits = kind === 'coil' || kind === 'discrete';
    return LENGTHS.map((length) => ({
      kind: 'read',
      table: kind,
      start: 0,
      count: isBits ? length * 8 - 7 : length,
    }));
  }
}
