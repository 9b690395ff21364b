import type { Handlers } from '../../contract/serve.ts';
import type { EngineParts } from '../engine-parts.ts';

/** Recordings that play again. */
export function createReplayCalls({
  replays,
}: EngineParts): Pick<Handlers, 'replay.open' | 'replay.set' | 'replay.close'> {
  return {
    'replay.open': ({ recording }, { screen }) => replays.open(recording, screen),
    'replay.set': ({ replay, ...change }) => replays.set(replay, change),
    'replay.close': async ({ replay }) => {
      await replays.close(replay);
      return {};
    },
  };
}
