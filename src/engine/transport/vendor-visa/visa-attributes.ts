interface Setting {
  state: number;
  done: Promise<void>;
}

/**
 * The attributes of one session as last set: they are set again only to change them. Each setting is a call on a thread of its own, so those of one
 * attribute wait for each other.
 */
export class VisaAttributes {
  readonly #apply: (attribute: number, state: number) => Promise<unknown>;
  readonly #settings = new Map<number, Setting>();

  constructor(apply: (attribute: number, state: number) => Promise<unknown>) {
    this.#apply = apply;
  }

  /** Rejects as `apply` does; the attribute is then not taken for set. */
  set(attribute: number, state: number): Promise<void> {
    const last = this.#settings.get(attribute);
    if (last?.state === state) return last.done;
    const done = last
      ? last.done.catch(() => {}).then(() => this.#change(attribute, state))
      : this.#change(attribute, state);
    const setting = { state, done };
    this.#settings.set(attribute, setting);
    done.catch(() => {
      if (this.#settings.get(attribute) === setting) this.#settings.delete(attribute);
    });
    return done;
  }

  /** Sets beforehand what the next call will want, while nobody waits for it; then it need not wait. */
  foresee(attribute: number, state: number | undefined): void {
    if (state !== undefined) this.set(attribute, state).catch(() => {});
  }

  /** Resolves when nothing is being set. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#settings.values()].map(({ done }) => done));
  }

  async #change(attribute: number, state: number): Promise<void> {
    await this.#apply(attribute, state);
  }
}
