import type { Handlers } from '../../contract/serve.ts';
import type { EngineParts } from '../engine-parts.ts';

/** The flight recorder. */
export function createFlightCalls({ flight }: EngineParts): Pick<Handlers, 'recording.saveLast'> {
  return {
    'recording.saveLast': (request) => flight.saveLast(request),
  };
}
