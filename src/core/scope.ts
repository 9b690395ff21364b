/** Scopes opened and not yet disposed, by name; tests end by asserting that it is empty. */
const open = new Set<Scope>();

/** Names of the scopes still open, in order of opening. */
export function openScopes(): string[] {
  return [...open].map((scope) => scope.name);
}

type Cleanup = () => void | Promise<void>;

/**
 * Owns what was opened and disposes it in reverse order, once. Disposing twice is fine and waits for the first.
 *
 *     await using scope = new Scope('session');
 *     const transport = scope.use(await openTcp(…));
 *     scope.defer(() => timer.cancel());
 *
 * If clean-ups throw, the others still run; the first error is thrown at the end.
 */
export class Scope implements AsyncDisposable {
  readonly name: string;
  #cleanups: Cleanup[] = [];
  #disposed: Promise<void> | undefined;

  constructor(name: string) {
    this.name = name;
    open.add(this);
  }

  get disposed(): boolean {
    return this.#disposed !== undefined;
  }

  /** Takes ownership; what is added after disposal is disposed at once. */
  use<T extends AsyncDisposable | Disposable>(owned: T): T {
    this.defer(() =>
      Symbol.asyncDispose in owned ? Promise.resolve(owned[Symbol.asyncDispose]()) : owned[Symbol.dispose](),
    );
    return owned;
  }

  defer(cleanup: Cleanup): void {
    if (this.#disposed) void Promise.resolve(cleanup());
    else this.#cleanups.push(cleanup);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#run();
    return this.#disposed;
  }

  async #run(): Promise<void> {
    const failures: unknown[] = [];
    for (let cleanup = this.#cleanups.pop(); cleanup; cleanup = this.#cleanups.pop()) {
      try {
        await cleanup();
      } catch (error) {
        failures.push(error);
      }
    }
    open.delete(this);
    if (failures.length > 0) throw failures[0];
  }
}
