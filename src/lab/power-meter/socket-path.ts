import { redact } from '../../core/redact.ts';
import { TAKEN_OFF } from '../../core/taken-off.ts';
import type { AfterEnd } from '../link-protocol.ts';
import type { Refusal } from '../ports.ts';

/**
 * The path of a kind of socket, found once. An unknown path is refused with 403, like a wrong parameter; parameters are checked before, so a 403
 * means the path.
 */
export class SocketPath {
  readonly #base: string;
  readonly #prefixes: readonly string[];
  #at = 0;
  #tried = 0;

  constructor(base: string, prefixes: readonly string[]) {
    this.#base = base.replace(/^http/, 'ws');
    this.#prefixes = prefixes;
  }

  url(name: 'power' | 'health', query = ''): string {
    return `${this.#base}${this.#prefixes[this.#at] ?? ''}/${name}${query === '' ? '' : `?${query}`}`;
  }

  /** A socket opened: this is the path. */
  found(): void {
    this.#tried = 0;
  }

  /** False: every one was tried. */
  next(): boolean {
    this.#at = (this.#at + 1) % this.#prefixes.length;
    this.#tried++;
    if (this.#tried < this.#prefixes.length) return true;
    this.#tried = 0;
    return false;
  }
}

/** What follows an end: a refusal is of the path, everything else is tried again. */
export function judgeEnd(end: { reason: string; code: number; refusal: Refusal | undefined }): AfterEnd {
  if (end.code === TAKEN_OFF) return { kind: 'superseded', reason: redact(end.reason) };
  const status = end.refusal?.status;
  return status === 403 || status === 404 ? { kind: 'next-path' } : { kind: 'retry' };
}
