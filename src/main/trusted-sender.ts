/** What of a WebFrameMain is looked at. */
export interface SenderFrame {
  readonly url: string;
  readonly parent: unknown;
}

/**
 * Whether a message comes from the page we ship: a frame that still exists, top-level, of `app://bundle`.
 * Compared by protocol and host: the `origin` of an `app:` URL is `'null'` in Node.
 */
export function isTrustedSender(frame: SenderFrame | null): boolean {
  if (!frame || frame.parent !== null) return false;
  let url: URL;
  try {
    url = new URL(frame.url);
  } catch {
    return false;
  }
  return url.protocol === 'app:' && url.host === 'bundle';
}
