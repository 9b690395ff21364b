import { MOST_HOPS } from '../bench/equipment.ts';

/**
 * Why a hub may not come as a client, in words; undefined: it may. `via`: the hubs it passes the bench on to, itself first. A hub that gets its own instruments back
 * would pass them on for ever.
 */
export function judgeVia(via: readonly string[], own: string): string | undefined {
  if (via.includes(own)) return 'loop: this hub is among the hubs the bench would be passed on to';
  if (via.length > MOST_HOPS) return `too many hops: ${via.length}, at most ${MOST_HOPS}`;
  return undefined;
}
