import type { VendorOptions } from './open-vendor.ts';
import { visaHost } from './visa-host.ts';

/** Most rows of one search. */
const LIMIT = 256;

/**
 * Resources the vendor's VISA knows (viFindRsrc); nothing is opened. Throws `resource.unsupported` where there is no library, `transport.failed` if
 * it crashed.
 */
export async function listVendorVisa({
  expression = '?*',
  ...options
}: Pick<VendorOptions, 'library' | 'spawn' | 'idleMs'> & { expression?: string } = {}): Promise<string[]> {
  const { process, release } = await visaHost(options).use(expression, options.idleMs);
  try {
    const { resources } = await process.ask({ call: 'find', expression, limit: LIMIT }, 'Cannot search', expression);
    return resources ?? [];
  } finally {
    release();
  }
}
