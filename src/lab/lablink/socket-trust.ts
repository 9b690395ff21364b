/**
 * Whether streams that carry dates (`readings`, `waveform`, acquisitions) may be started. As shipped up to 1.2.5 the first such message cuts every client of the
 * server off its broadcasts, while their sockets stay open; it cannot be seen from REST whether a server was repaired.
 *
 * - `works`: such a message was seen here, ours or another client's.
 * - `kills`: the managers are split (as shipped), or the one trial brought nothing: never again on this server.
 * - `unknown`: nothing is started; rows are polled.
 */
export type Trust = 'unknown' | 'works' | 'kills';

/** Newest version known to be shipped with the defect. */
const SHIPPED = [1, 2, 5];

/** Whether a version is one of those shipped with the defect; what cannot be read is taken for one. */
export function isShippedVersion(version: string): boolean {
  const parts = /^v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(version);
  if (!parts) return true;
  const numbers = [Number(parts[1]), Number(parts[2]), Number(parts[3] ?? 0)];
  for (const [index, number] of numbers.entries()) {
    const shipped = SHIPPED[index] ?? 0;
    if (number !== shipped) return number < shipped;
  }
  return true;
}

/** What the knowledge of a socket allows. */
export class SocketTrust {
  #trust: Trust = 'unknown';
  #why = 'Nothing was tried yet.';

  get state(): Trust {
    return this.#trust;
  }

  /** In one sentence. */
  get why(): string {
    return this.#why;
  }

  /** A message with a date in it came: the server can send them. Gives whether that is news. */
  sawDate(): boolean {
    if (this.#trust === 'works') return false;
    this.#trust = 'works';
    this.#why = 'The server delivers readings on its socket.';
    return true;
  }

  kills(why: string): void {
    this.#trust = 'kills';
    this.#why = why;
  }

  unsure(why: string): void {
    if (this.#trust === 'unknown') this.#why = why;
  }

  /** Another server, another version, or the person asks to look anew. */
  reset(): void {
    this.#trust = 'unknown';
    this.#why = 'Nothing was tried yet.';
  }
}
