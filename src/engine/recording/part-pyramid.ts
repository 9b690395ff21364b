import type { DiskFile } from './disk.ts';
import type { StoredLevels } from './levels-codec.ts';
import type { OverviewEntry } from './overview.ts';
import type { PyramidContent } from './pyramid-decode.ts';

/** A pyramid that was made, not read: in memory, and as the bytes of a sidecar. */
export interface BuiltPyramid {
  content: PyramidContent;
  bytes: Uint8Array<ArrayBuffer>;
}

/**
 * The pyramid of one file of a recording: from its sidecar, read page by page, or in memory.
 *
 *     stored ── a page is damaged ──→ built ── stored (pyramid-store.ts) ──→ built, `unstored` undefined
 *       └── sound for good
 */
export class PartPyramid {
  #content: PyramidContent;
  #unstored: Uint8Array<ArrayBuffer> | undefined;
  #sidecar: DiskFile | undefined;
  #building: Promise<void> | undefined;
  #readers = 0;
  #isReplacing = false;
  readonly #build: () => Promise<BuiltPyramid>;

  /** `build` makes it from the file itself, without the sidecar. */
  constructor(from: { content: PyramidContent; sidecar: DiskFile } | BuiltPyramid, build: () => Promise<BuiltPyramid>) {
    this.#content = from.content;
    this.#build = build;
    if ('sidecar' in from) this.#sidecar = from.sidecar;
    else this.#unstored = from.bytes;
  }

  /** The sidecar that is to be written; undefined if the one beside the file is sound as far as it was read. */
  get unstored(): Uint8Array<ArrayBuffer> | undefined {
    return this.#unstored;
  }

  /** There is a sidecar of this very file, and it is damaged. */
  get isReplacing(): boolean {
    return this.#isReplacing;
  }

  /** The sidecar was written: it need not be again. */
  setStored(): void {
    this.#unstored = undefined;
    this.#isReplacing = false;
  }

  /** The rows of some slow stream are not in it, and could be. */
  get lacksRows(): boolean {
    return [...this.#content.levels.values()].some(({ hasRows, levels }) => !hasRows && levels.length > 0);
  }

  overviewOf(channel: number): readonly OverviewEntry[] {
    return this.#content.overviews.get(channel) ?? [];
  }

  /**
   * Reads from the levels of a channel; undefined: it has none. If the sidecar cannot be read, the pyramid is made anew and `read` begins again:
   * it must take back what it has done, and read nothing else.
   */
  async ask<T>(channel: number, read: (levels: StoredLevels | undefined) => Promise<T>): Promise<T> {
    const content = this.#content;
    this.#readers++;
    try {
      return await read(content.levels.get(channel));
    } catch (error) {
      if (!this.#sidecar) throw error;
      this.#building ??= this.#rebuild();
      await this.#building;
      return await read(this.#content.levels.get(channel));
    } finally {
      this.#readers--;
      if (this.#readers === 0 && this.#unstored) await this.close();
    }
  }

  /** Closes the sidecar. Never rejects. */
  async close(): Promise<void> {
    const sidecar = this.#sidecar;
    this.#sidecar = undefined;
    await sidecar?.close().catch(() => undefined);
  }

  async #rebuild(): Promise<void> {
    const { content, bytes } = await this.#build();
    this.#content = content;
    this.#unstored = bytes;
    this.#isReplacing = true;
  }
}
