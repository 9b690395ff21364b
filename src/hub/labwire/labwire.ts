import { randomBytes } from 'node:crypto';
import { neurographRate } from '../../protocol/lab/neurograph-role.ts';
import { askerOf } from '../access/asker.ts';
import { isConcerned } from '../access/principal.ts';
import { ResumeTokens } from '../access/resume-token.ts';
import { SessionStore } from '../access/session-store.ts';
import { RequestBuckets } from '../delivery/request-buckets.ts';
import type { OpenDialect } from '../dialect.ts';
import { REQUEST_TYPES } from './client-message.ts';
import { CommandDesk } from './command-desk.ts';
import { LABWIRE_LIMITS, type LabwireLimits } from './greeting.ts';
import { GreetingBook } from './greeting-book.ts';
import { addHistoryRoute } from './history-route.ts';
import { LabwireConnection } from './labwire-connection.ts';
import type { LabwireRoom } from './labwire-room.ts';
import type { LabwireSession } from './labwire-session.ts';
import { PastReader } from './past-reader.ts';
import { TransferBudget } from './transfer-shelf.ts';

const SUBPROTOCOL = 'labwire.1';
const PATHS = ['/ws', '/labwire', '/api/v1/ws'];

/** Our own protocol, on the paths its clients try; docs/hub-labwire.md. */
export const openLabwireDialect: OpenDialect = (parts, scope) => {
  const { clock, bench, access, channels } = parts;
  const limits: LabwireLimits = {
    ...LABWIRE_LIMITS,
    maxMessageBytes: parts.limits.messageBytes,
    ttlS: parts.limits.replayS,
    replayS: parts.limits.replayS,
  };
  const sessions = new SessionStore<LabwireSession>({
    clock,
    tokens: new ResumeTokens(access.resumeKey, parts.instance, randomBytes),
    ttlS: limits.ttlS,
    reissueS: limits.reissueS,
    onDropped: ({ kept }) => kept[Symbol.dispose](),
  });
  const room: LabwireRoom = {
    parts,
    limits,
    channels,
    sessions,
    buckets: new RequestBuckets(clock, { rateOf: neurographRate, knownTypes: REQUEST_TYPES }),
    transfers: new TransferBudget(limits.transferBytes),
    past: new PastReader(bench, () => clock.nowNs()),
    commands: new CommandDesk({
      bench,
      clock,
      channels,
      // Locks over REST are taken under the id of the session: then the engine knows it by that.
      asker: ({ principal, session }) =>
        parts.locks.asker(principal, session) ?? askerOf(principal, 'labwire', session),
    }),
  };
  parts.connections.listLost(() =>
    sessions.away.map(({ session: { id, principal, kept }, leftS }) => ({
      id,
      principal,
      dialect: SUBPROTOCOL,
      ...kept.came,
      leftS,
      end: () => void sessions.giveUp(id),
    })),
  );
  const open = new Set<LabwireConnection>();
  const greeting = new GreetingBook(limits);
  scope.use(sessions);
  scope.use(
    bench.onChange((now, before) => {
      // Instruments change with each value that is read back; their streams do not.
      const isSame = now.streams === before.streams && now.channels === before.channels;
      if (isSame && now.instruments.length === before.instruments.length) return;
      for (const connection of open) connection.benchChanged();
    }),
  );
  scope.use(
    access.onRevoked((change) => {
      // Those that are connected end with their connection (ConnectionWatch); these wait for one.
      if (change.what === 'ended') sessions.revoke((principal) => isConcerned(principal, change));
    }),
  );
  scope.defer(() => {
    for (const connection of [...open]) connection.end(1001, 'The hub ends.');
  });
  return {
    doors: [
      {
        paths: PATHS,
        subprotocol: SUBPROTOCOL,
        token: 'enter',
        maxMessageBytes: limits.maxMessageBytes,
        deflate: true,
        enter(visit) {
          const connection = new LabwireConnection(room, visit);
          open.add(connection);
          greeting.enter(connection);
          void connection.closed.then(() => open.delete(connection));
        },
      },
    ],
    routes: (app) => addHistoryRoute(app, room),
  };
};
