/** A label of a metric with few values: the first `most` are kept, whatever comes after is `other`, so that strangers cannot fill the memory. */
export class BoundedLabel {
  readonly #most: number;
  readonly #known = new Set<string>();

  constructor(most = 50) {
    this.#most = most;
  }

  of(value: string): string {
    const text = value.slice(0, 64);
    if (this.#known.has(text)) return text;
    if (this.#known.size >= this.#most - 1) return 'other';
    this.#known.add(text);
    return text;
  }
}
