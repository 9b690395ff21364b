import type { HostServices } from '../host-services.ts';

/** Keeps the system awake as long as anyone asks for it: what ends one of them must not let it sleep over the others. */
export class Awake {
  readonly #host: Pick<HostServices, 'blockSleep'>;
  readonly #asking = new Set<string>();

  constructor(host: Pick<HostServices, 'blockSleep'>) {
    this.#host = host;
  }

  /** As `blockSleep` of the host, for one who asks. Asking twice is asking once. */
  for(who: string): (on: boolean) => void {
    return (on) => {
      const before = this.#asking.size > 0;
      if (on) this.#asking.add(who);
      else this.#asking.delete(who);
      const after = this.#asking.size > 0;
      if (before !== after) this.#host.blockSleep(after);
    };
  }
}
