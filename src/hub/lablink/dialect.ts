import { neurographRate } from '../../protocol/lab/neurograph-role.ts';
import { RequestBuckets } from '../delivery/request-buckets.ts';
import type { OpenDialect } from '../dialect.ts';
import type { SocketDoor } from '../server/door.ts';
import { AlarmBook } from './alarm-book.ts';
import { BenchNews } from './bench-news.ts';
import { CaptureDesk } from './capture-desk.ts';
import type { LabLinkPlace } from './place.ts';
import { ProfileBook } from './profile-book.ts';
import { addLabLinkRoutes } from './rest/routes.ts';
import { CLIENT_TYPES } from './socket/client-message.ts';
import { LabLinkConnection } from './socket/lablink-connection.ts';
import { SocketBook } from './socket/socket-book.ts';
import type { Broadcast } from './socket/socket-client.ts';
import { StopLatch } from './stop-latch.ts';

const MAX_MESSAGE_BYTES = 1_048_576;
/** Of each type of request: a client with a hundred streams starts them all at once, and stops them so. */
const REQUEST_RATE = { capacity: 200, perS: 50 };

/**
 * LabLink, basic and enhanced, on `/ws` without a subprotocol, and its REST. What is served and what is meant to differ: docs/hub-lablink.md.
 */
export const openLabLinkDialect: OpenDialect = (parts, scope) => {
  const { bench, clock, ws, acquisitions, recordings } = parts;
  const nowNs = (): bigint => clock.nowNs();
  const sockets = new SocketBook(() => recordings.active.length);
  const tell = (broadcast: Broadcast): void => sockets.broadcast(broadcast);
  const place: LabLinkPlace = {
    parts,
    locks: parts.locks,
    lockHistory: parts.lockHistory,
    stop: new StopLatch(bench),
    captures: scope.use(new CaptureDesk(bench)),
    acquisitions,
    alarms: scope.use(new AlarmBook(bench, nowNs, tell)),
    recordings,
    profiles: new ProfileBook(parts),
    sockets,
  };
  scope.use(new BenchNews(bench, nowNs, tell));
  const buckets = new RequestBuckets(clock, {
    knownTypes: CLIENT_TYPES,
    rateOf: (type) => (CLIENT_TYPES.has(type) ? REQUEST_RATE : neurographRate(type)),
  });
  const door: SocketDoor = {
    paths: ['/ws'],
    profiles: ['native', 'lablink'],
    token: 'refuse',
    maxMessageBytes: MAX_MESSAGE_BYTES,
    deflate: true,
    check: () =>
      sockets.all.length >= ws.maxConnections
        ? {
            status: 503,
            text: `${ws.maxConnections} LabLink clients are connected already. Close one, then try again.`,
          }
        : undefined,
    enter: (visit) => void new LabLinkConnection(place, visit, buckets),
  };
  return { doors: [door], routes: (app) => addLabLinkRoutes(app, place) };
};
