import type { Disk } from './disk.ts';
import { systemDisk } from './disk.ts';
import type { PartIndex } from './part-index.ts';
import { completePyramid, storePyramid } from './pyramid-store.ts';

export interface PyramidKeeperOptions {
  disk?: Disk | undefined;
  /** Files longer than this are not read through for the rows of their slow streams. */
  maxReadBytes?: number | undefined;
  /** Told of each file whose sidecar was written. */
  onStored?: ((path: string) => void) | undefined;
}

const MAX_READ_BYTES = 4 * 1024 ** 3;

/**
 * Writes the sidecars that recordings lack, in the background, one after the other: from what was read to open them, then with the rows of their
 * slow streams, for which the file is read through once. What cannot be written is not tried again.
 */
export class PyramidKeeper implements AsyncDisposable {
  readonly #disk: Disk;
  readonly #maxReadBytes: number;
  readonly #onStored: (path: string) => void;
  readonly #seen = new Set<string>();
  readonly #ending = new AbortController();
  #last: Promise<void> = Promise.resolve();

  constructor({ disk = systemDisk, maxReadBytes = MAX_READ_BYTES, onStored = () => {} }: PyramidKeeperOptions = {}) {
    this.#disk = disk;
    this.#maxReadBytes = maxReadBytes;
    this.#onStored = onStored;
  }

  /** Resolves when nothing is to be written any more. */
  async idle(): Promise<void> {
    for (let last = this.#last; ; last = this.#last) {
      await last;
      if (last === this.#last) return;
    }
  }

  /** Looks after the sidecars of these parts, which may be closed meanwhile. */
  keep(parts: readonly PartIndex[]): void {
    for (const part of parts) {
      const { pyramid, isFinished, path, sizeBytes } = part;
      if (!isFinished || (!pyramid.unstored && !pyramid.lacksRows)) continue;
      // A file that was changed is another one.
      const name = `${path}\n${sizeBytes}\n${pyramid.isReplacing}`;
      if (this.#seen.has(name)) continue;
      this.#seen.add(name);
      this.#last = this.#last.then(() => this.#store(part)).catch(() => undefined);
    }
  }

  /** Ends what is under way; a sidecar is written whole or not at all. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(new Error('the engine ends'));
    await this.#last;
  }

  async #store(part: PartIndex): Promise<void> {
    const { signal } = this.#ending;
    signal.throwIfAborted();
    const isNew = part.pyramid.unstored !== undefined;
    if (!(await storePyramid(this.#disk, part))) return;
    const isFuller =
      part.pyramid.lacksRows &&
      part.sizeBytes <= this.#maxReadBytes &&
      (await completePyramid(this.#disk, part.path, signal));
    if (isNew || isFuller) this.#onStored(part.path);
  }
}
