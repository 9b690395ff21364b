import { cancellation } from '../transport/read-buffer.ts';
import type { Transport } from '../transport/transport.ts';

export interface TapHost {
  /** Gives the wire back instead of closing it. */
  release(): Promise<void>;
  sent(bytes: Uint8Array): void;
  received(count: number): void;
  /** Aborts when the wire is taken back: reads and writes of the borrower then reject with its reason. */
  revoked: AbortSignal;
}

/** The transport as its borrower sees it: bytes are counted, disposing gives the wire back, and it can be taken back. */
export function tapTransport(transport: Transport, host: TapHost): Transport {
  // A borrower reads thousands of times with one signal: it is joined with ours once.
  let theirs: AbortSignal | undefined;
  let joined = host.revoked;
  const signalFor = (signal: AbortSignal | undefined): AbortSignal => {
    if (!signal) return host.revoked;
    if (signal !== theirs) {
      theirs = signal;
      joined = AbortSignal.any([signal, host.revoked]);
    }
    return joined;
  };
  return {
    resource: transport.resource,
    closed: transport.closed,
    ...(transport.control ? { control: transport.control } : {}),
    ...(transport.isMessageBased ? { isMessageBased: true } : {}),
    async write(bytes, options = {}) {
      if (host.revoked.aborted) throw cancellation(host.revoked);
      host.sent(bytes);
      await transport.write(bytes, options);
    },
    async read(options = {}) {
      const result = await transport.read({ ...options, signal: signalFor(options.signal) });
      host.received(result.bytes.length);
      return result;
    },
    [Symbol.asyncDispose]: () => host.release(),
  };
}
