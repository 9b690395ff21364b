import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';

/** Recordings of messages, several at once. */
export function createSessionCalls(
  _parts: EngineParts,
): Pick<Handlers, 'session.start' | 'session.stop' | 'session.stats' | 'session.list'> {
  return {
    'session.start': () => unbuilt('session.start'),
    'session.stop': () => unbuilt('session.stop'),
    'session.stats': () => unbuilt('session.stats'),
    'session.list': () => unbuilt('session.list'),
  };
}

function unbuilt(call: string): never {
  throw new LabError('internal.failed', `${call} is being built.`);
}
