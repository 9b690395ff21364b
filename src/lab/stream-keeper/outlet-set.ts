import type { RowSource } from '../../core/link-word.ts';
import type { LabOutlet, LabRows } from '../equipment.ts';

type StreamColumns = Parameters<LabOutlet['opened']>[0];

/** The consumers of one stream, told the same: the form of its rows, the rows, the gaps, and how they come. */
export class OutletSet {
  readonly #outlets = new Map<LabOutlet, number>();
  readonly #onSource: (source: RowSource | 'silent') => void;
  #form: StreamColumns | undefined;
  #source: RowSource | 'silent' = 'silent';
  #isSilentTold = false;

  /** `onSource`: it changed, after everybody was told. */
  constructor(onSource: (source: RowSource | 'silent') => void) {
    this.#onSource = onSource;
  }

  get size(): number {
    return this.#outlets.size;
  }

  /** Of any of them; ms. */
  get shortestMs(): number {
    return Math.min(...this.#outlets.values());
  }

  get isOpen(): boolean {
    return this.#form !== undefined;
  }

  get isSilentTold(): boolean {
    return this.#isSilentTold;
  }

  /** One more, told what the others know; or another interval of one. */
  add(outlet: LabOutlet, intervalMs: number): void {
    const isNew = !this.#outlets.has(outlet);
    this.#outlets.set(outlet, intervalMs);
    if (!isNew) return;
    if (this.#form) outlet.opened(this.#form);
    if (this.#source !== 'silent') outlet.source(this.#source, '');
  }

  has(outlet: LabOutlet): boolean {
    return this.#outlets.has(outlet);
  }

  delete(outlet: LabOutlet): boolean {
    return this.#outlets.delete(outlet);
  }

  opened(form: StreamColumns): void {
    this.#form = form;
    for (const outlet of this.#outlets.keys()) outlet.opened(form);
  }

  rows(rows: LabRows): void {
    for (const outlet of this.#outlets.keys()) outlet.rows(rows);
  }

  gap(gap: Parameters<LabOutlet['gap']>[0]): void {
    for (const outlet of this.#outlets.keys()) outlet.gap(gap);
  }

  /** Told once until it changes. */
  tellSource(source: RowSource, reason: string): void {
    if (this.#source !== source) this.#tell(source, reason);
  }

  tellSilent(reason: string): void {
    if (!this.#isSilentTold) this.#tell('silent', reason);
  }

  #tell(source: RowSource | 'silent', reason: string): void {
    this.#source = source;
    this.#isSilentTold = source === 'silent';
    for (const outlet of this.#outlets.keys()) outlet.source(source, reason);
    this.#onSource(source);
  }
}
