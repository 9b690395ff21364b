import type { Handlers } from '../../contract/serve.ts';
import { preflight } from '../bench/preflight.ts';
import type { EngineParts } from '../engine-parts.ts';

/** The list to go through before a night. */
export function createPreflightCalls({ board, host, clock }: EngineParts): Pick<Handlers, 'recording.preflight'> {
  return {
    'recording.preflight': async ({ hours }) => ({
      checks: await preflight({
        state: board.state,
        host,
        hours,
        engineMs: Number(clock.nowNs() / 1_000_000n),
        wallMs: Date.now(),
      }),
    }),
  };
}
