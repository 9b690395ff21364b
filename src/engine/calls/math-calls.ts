import type { Handlers } from '../../contract/serve.ts';
import type { EngineParts } from '../engine-parts.ts';

/** Channels computed from others. */
export function createMathCalls({ math }: EngineParts): Pick<Handlers, 'math.set'> {
  return { 'math.set': ({ channels }) => ({ channels: math.set(channels) }) };
}
