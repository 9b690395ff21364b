import { connectTcp } from '../open-tcp.ts';
import { HislipChannel } from './hislip-channel.ts';
import type { HislipOptions, HislipTarget } from './hislip-options.ts';

/** Connects one channel, without Nagle's algorithm (IVI-6.1 6.1). Throws as `connectTcp`; nothing stays open then. */
export async function connectChannel(target: HislipTarget, options: HislipOptions): Promise<HislipChannel> {
  return new HislipChannel(await connectTcp(target, options), target, options);
}

/** The host without the brackets of IPv6. */
export function hostOf(target: HislipTarget): string {
  return target.host.replace(/^\[(.*)\]$/, '$1');
}
