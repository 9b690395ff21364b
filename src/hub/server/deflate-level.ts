import type { WebSocket } from 'ws';
import { DEFLATE_LEVEL } from '../compression/compression-rule.ts';

type Compress = (data: unknown, fin: boolean, done: unknown) => void;

/** The part of `ws`' permessage-deflate that is used here; `_options` and `_deflate` are not in its documents. */
interface DeflateExtension {
  compress: Compress;
  _options: { zlibDeflateOptions?: object };
  /** Made with the first message; null before. */
  _deflate: { close(): void } | null;
}

/**
 * The level at which a socket deflates its messages (RFC 7692), from the next message on.
 *
 * zlib could change it under way (`params`), but that waits for a flush, and a socket that is closed meanwhile would throw where nobody can catch it. So the compressor
 * is made anew between two messages, of which `ws` compresses one at a time: the receiver needs nothing for it, and the context lost is one window of 4 KiB.
 */
export class DeflateLevel {
  readonly #extension: DeflateExtension | undefined;
  #wanted = DEFLATE_LEVEL;
  #level = DEFLATE_LEVEL;

  /** `socket`: an open one, made with level DEFLATE_LEVEL. */
  constructor(socket: WebSocket) {
    const extension = extensionOf(socket);
    this.#extension = extension;
    if (!extension) return;
    const compress = extension.compress;
    extension.compress = (data, fin, done) => {
      this.#apply(extension);
      compress.call(extension, data, fin, done);
    };
  }

  /** 1–9, as messages are deflated now; undefined: this socket deflates none, or its level cannot be set. */
  get level(): number | undefined {
    return this.#extension && this.#level;
  }

  /** From the next message on. */
  set(level: number): void {
    this.#wanted = Math.min(9, Math.max(1, Math.round(level)));
  }

  #apply(extension: DeflateExtension): void {
    if (this.#wanted === this.#level) return;
    this.#level = this.#wanted;
    extension._options = {
      ...extension._options,
      zlibDeflateOptions: { ...extension._options.zlibDeflateOptions, level: this.#wanted },
    };
    extension._deflate?.close();
    extension._deflate = null;
  }
}

function extensionOf(socket: WebSocket): DeflateExtension | undefined {
  const { _extensions: extensions } = socket as { _extensions?: Record<string, unknown> };
  const found = extensions?.['permessage-deflate'];
  return isDeflateExtension(found) ? found : undefined;
}

/** Another version of `ws` may look different: then the level stays, and is not claimed to be known. */
function isDeflateExtension(value: unknown): value is DeflateExtension {
  if (typeof value !== 'object' || value === null) return false;
  const { compress, _options, _deflate } = value as Partial<Record<keyof DeflateExtension, unknown>>;
  return (
    typeof compress === 'function' &&
    typeof _options === 'object' &&
    _options !== null &&
    (_deflate === null ||
      (typeof _deflate === 'object' && typeof (_deflate as { close?: unknown }).close === 'function'))
  );
}
