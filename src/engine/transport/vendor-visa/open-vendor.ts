import { LabError } from '../../../core/errors.ts';
import { cancellation } from '../read-buffer.ts';
import type { Transport } from '../transport.ts';
import { VendorTransport } from './vendor-transport.ts';
import { visaHost } from './visa-host.ts';
import type { VisaSpawn } from './visa-process.ts';

export interface VendorOptions {
  /** Path or name of the library; default: LABWIRE_VISA, then those of the makers. */
  library?: string | undefined;
  /** Longest wait of viOpen; default 5000. */
  openTimeoutMs?: number | undefined;
  /** Longest wait in one call of the library, at least 1; default 500. A device clear waits for the slice that a read given up is in. */
  sliceMs?: number | undefined;
  /** How long a closing waits for the library beyond a slice, default 3000; then its process is ended, with all instruments it has open. */
  closeMs?: number | undefined;
  /** How long the process stays when this was its last instrument; default 5000. */
  idleMs?: number | undefined;
  /** How the process with the library is started; default: forked by Node. */
  spawn?: VisaSpawn | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Opens `resource` with the VISA a maker installed, in a process of its own. `canonical` is what it is called here. Throws `resource.unsupported`
 * (no library: what to install), `resource.malformed`, `transport.not-found`, `transport.busy`, `transport.failed`; nothing stays open then.
 */
export async function openVendor(
  { resource, canonical = resource }: { resource: string; canonical?: string },
  options: VendorOptions = {},
): Promise<Transport> {
  const { signal, openTimeoutMs: timeoutMs = 5000, sliceMs = 500, closeMs = 3000 } = options;
  if (signal?.aborted) throw cancellation(signal);
  const { process, release } = await visaHost(options).use(canonical, options.idleMs);
  try {
    const opening = process.ask({ call: 'open', resource, timeoutMs }, 'Cannot open', canonical);
    const { session } = await opening;
    if (session === undefined) throw new LabError('transport.failed', `${canonical} was opened without a session.`);
    // A stream has no END: what is read there ends by length or time.
    const isMessageBased = !/^ASRL|::SOCKET$/i.test(resource);
    const about = { isMessageBased, sliceMs: Math.max(1, Math.round(sliceMs)), closeMs, release };
    const transport = new VendorTransport(canonical, process, session, about);
    if (!signal?.aborted) return transport;
    await transport[Symbol.asyncDispose]();
    throw cancellation(signal);
  } catch (error) {
    release();
    throw error;
  }
}
