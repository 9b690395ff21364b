import type { Expression, FunctionName, MathNode } from './expression.ts';

/** Rows of the channels an expression needs, in its order; all of one length. */
export interface MathRows {
  rows: number;
  /** By channel of the expression. */
  columns: readonly ArrayLike<number>[];
  /** s of each row, counted from one origin for as long as the computer lives. */
  timeOf(row: number): number;
  /** Rows are missing before the first, or it is the first of all: no slope across it. The integral goes on from what it was. */
  isAfterGap: boolean;
}

interface Memory {
  value: number;
  timeS: number;
  sum: number;
  isEmpty: boolean;
}

/**
 * Computes an expression batch by batch. NaN stays NaN (nothing is guessed for a missing sample); the derivative is the slope from the row before and the integral
 * the sum of trapezoids, neither across a gap or a missing sample.
 */
export class Computer {
  readonly #root: MathNode;
  readonly #indexOf: Map<string, number>;
  readonly #memories: Memory[];

  constructor({ root, channels, memories }: Expression) {
    this.#root = root;
    this.#indexOf = new Map(channels.map((channel, index) => [channel, index]));
    this.#memories = Array.from({ length: memories }, () => ({ value: Number.NaN, timeS: 0, sum: 0, isEmpty: true }));
  }

  /** One value a row; the caller owns them. */
  compute(rows: MathRows): Float64Array<ArrayBuffer> {
    if (rows.isAfterGap) for (const memory of this.#memories) memory.isEmpty = true;
    return this.#evaluate(this.#root, rows);
  }

  #evaluate(node: MathNode, rows: MathRows): Float64Array<ArrayBuffer> {
    switch (node.kind) {
      case 'number':
        return new Float64Array(rows.rows).fill(node.value);
      case 'channel': {
        const column = rows.columns[this.#indexOf.get(node.channel) ?? -1];
        return column ? Float64Array.from(column) : new Float64Array(rows.rows).fill(Number.NaN);
      }
      case 'negate': {
        const values = this.#evaluate(node.of, rows);
        for (let row = 0; row < values.length; row++) values[row] = -(values[row] as number);
        return values;
      }
      case 'operate': {
        const left = this.#evaluate(node.left, rows);
        operate(node.operator, left, this.#evaluate(node.right, rows));
        return left;
      }
      case 'call':
        return apply(
          node.name,
          node.of.map((one) => this.#evaluate(one, rows)),
        );
      case 'derivative':
        return this.#derive(this.#evaluate(node.of, rows), rows, this.#memories[node.id]);
      case 'integral':
        return this.#integrate(this.#evaluate(node.of, rows), rows, this.#memories[node.id]);
    }
  }

  #derive(values: Float64Array<ArrayBuffer>, rows: MathRows, memory: Memory | undefined): Float64Array<ArrayBuffer> {
    if (!memory) return values;
    for (let row = 0; row < values.length; row++) {
      const value = values[row] as number;
      const timeS = rows.timeOf(row);
      values[row] = memory.isEmpty ? Number.NaN : (value - memory.value) / (timeS - memory.timeS);
      memory.value = value;
      memory.timeS = timeS;
      memory.isEmpty = false;
    }
    return values;
  }

  #integrate(values: Float64Array<ArrayBuffer>, rows: MathRows, memory: Memory | undefined): Float64Array<ArrayBuffer> {
    if (!memory) return values;
    for (let row = 0; row < values.length; row++) {
      const value = values[row] as number;
      const timeS = rows.timeOf(row);
      const area = ((value + memory.value) / 2) * (timeS - memory.timeS);
      if (!memory.isEmpty && Number.isFinite(area)) memory.sum += area;
      memory.value = value;
      memory.timeS = timeS;
      memory.isEmpty = !Number.isFinite(value);
      values[row] = memory.sum;
    }
    return values;
  }
}

function operate(operator: string, left: Float64Array, right: Float64Array): void {
  for (let row = 0; row < left.length; row++) {
    const a = left[row] as number;
    const b = right[row] as number;
    if (operator === '+') left[row] = a + b;
    else if (operator === '-') left[row] = a - b;
    else if (operator === '*') left[row] = a * b;
    else if (operator === '/') left[row] = a / b;
    else left[row] = a ** b;
  }
}

const FUNCTIONS: Record<FunctionName, (...values: number[]) => number> = {
  abs: Math.abs,
  sqrt: Math.sqrt,
  exp: Math.exp,
  ln: Math.log,
  log10: Math.log10,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  floor: Math.floor,
  round: Math.round,
  min: Math.min,
  max: Math.max,
  pow: Math.pow,
  atan2: Math.atan2,
};

function apply(name: FunctionName, of: Float64Array<ArrayBuffer>[]): Float64Array<ArrayBuffer> {
  const call = FUNCTIONS[name];
  const [first = new Float64Array(0)] = of;
  for (let row = 0; row < first.length; row++) first[row] = call(...of.map((values) => values[row] as number));
  return first;
}
