import { randomBytes } from 'node:crypto';
import { neurographRate } from '../../protocol/lab/neurograph-role.ts';
import { isConcerned } from '../access/principal.ts';
import { ResumeTokens } from '../access/resume-token.ts';
import { SessionStore } from '../access/session-store.ts';
import { RequestBuckets } from '../delivery/request-buckets.ts';
import type { OpenDialect } from '../dialect.ts';
import type { SocketDoor } from '../server/door.ts';
import { NeurographConnection } from './neurograph-connection.ts';
import { neurographRoutes } from './neurograph-rest.ts';
import type { NeurographRoom } from './neurograph-room.ts';
import type { NeurographSession } from './neurograph-session.ts';

/** NeuroGraph: channels of events by role, with sessions that are truly restored. */
export const openNeurographDialect: OpenDialect = (parts, scope) => {
  const { clock, access } = parts;
  const open = new Set<NeurographConnection>();
  const sessions = scope.use(
    new SessionStore<NeurographSession>({
      clock,
      tokens: new ResumeTokens(access.resumeKey, `neurograph ${parts.instance}`, randomBytes),
      ttlS: parts.limits.replayS,
      onDropped: ({ kept }) => kept[Symbol.dispose](),
    }),
  );
  const room: NeurographRoom = {
    parts,
    sessions,
    buckets: new RequestBuckets(clock, { rateOf: neurographRate }),
    left: (connection) => void open.delete(connection as NeurographConnection),
  };
  scope.use(
    access.onRevoked((change) => {
      // Those that are connected end with their connection (ConnectionWatch); these wait for one.
      if (change.what === 'ended') sessions.revoke((principal) => isConcerned(principal, change));
    }),
  );
  const door: SocketDoor = {
    paths: ['/compat/neurograph/ws'],
    token: 'refuse',
    maxMessageBytes: parts.limits.messageBytes,
    deflate: true,
    enter: (visit) => void open.add(new NeurographConnection(room, visit)),
  };
  return {
    // On a port of its own it is what `/ws` means.
    doors: [door, { ...door, paths: ['/ws'], profiles: ['neurograph'] }],
    routes: (app) => neurographRoutes(app, parts, () => [...open]),
  };
};
