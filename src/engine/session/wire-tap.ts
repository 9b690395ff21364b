import type { Transport } from '../transport/transport.ts';

/** The transport as its borrower sees it: bytes are counted, and disposing gives the wire back instead of closing it. */
export function tapTransport(
  transport: Transport,
  release: () => Promise<void>,
  tap: { sent(bytes: Uint8Array): void; received(count: number): void },
): Transport {
  return {
    resource: transport.resource,
    closed: transport.closed,
    ...(transport.control ? { control: transport.control } : {}),
    ...(transport.isMessageBased ? { isMessageBased: true } : {}),
    write(bytes, options) {
      tap.sent(bytes);
      return transport.write(bytes, options);
    },
    async read(options) {
      const result = await transport.read(options);
      tap.received(result.bytes.length);
      return result;
    },
    [Symbol.asyncDispose]: release,
  };
}
