type Numbers = Float64Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

/** Numbers that grow one by one in a typed array. */
export class NumberList {
  /** Longer than `length`. */
  values: Numbers;
  length = 0;

  /** `bytes`: of one number, 8 (any) or 1 (0 to 255). */
  constructor(bytes: 1 | 8 = 8) {
    this.values = bytes === 1 ? new Uint8Array(64) : new Float64Array(64);
  }

  push(value: number): void {
    if (this.length === this.values.length) {
      const larger =
        this.values instanceof Uint8Array ? new Uint8Array(this.length * 2) : new Float64Array(this.length * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.length++] = value;
  }
}
