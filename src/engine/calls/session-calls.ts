import { isAbsolute } from 'node:path';
import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';

type SessionCall = 'session.start' | 'session.stop' | 'session.stats' | 'session.list';

/** Recordings of messages, several at once. */
export function createSessionCalls({ sessions }: EngineParts): Pick<Handlers, SessionCall> {
  return {
    'session.start': (request) => {
      if (request.folder !== undefined && !isAbsolute(request.folder)) {
        throw new LabError('call.invalid', `${request.folder} is no absolute path. Give the whole path of the folder.`);
      }
      return sessions.start(request);
    },
    'session.stop': ({ session }) => sessions.stop(session),
    'session.stats': ({ session }) => sessions.stats(session),
    'session.list': () => ({ sessions: sessions.list }),
  };
}
