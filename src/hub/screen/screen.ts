import { SOCKET_PROTOCOL } from '../../contract/socket-link.ts';
import { ANONYMOUS } from '../access/principal.ts';
import type { OpenDialect } from '../dialect.ts';
import { closeSocket } from '../server/socket-wire.ts';
import { addPageRoutes } from './page-routes.ts';
import { ScreenConnection } from './screen-connection.ts';

/** Path of the contract, below the address of the hub as below the engine's. */
const PATHS = ['/link'];

/** Our own screens in browsers of other machines: the page, its login, and the contract by the right of who logged in; docs/hub-screen.md. */
export const openScreenDialect: OpenDialect = (parts, scope) => {
  const { connections, limits } = parts;
  const open = new Set<ScreenConnection>();
  scope.defer(() => {
    for (const connection of [...open]) connection.end(1001, 'The hub ends.');
  });
  return {
    doors: [
      {
        paths: PATHS,
        profiles: ['native'],
        subprotocol: SOCKET_PROTOCOL,
        token: 'refuse',
        isTokenOffered: true,
        maxMessageBytes: limits.messageBytes,
        // Samples do not shrink, and a deflater for each page costs memory and time.
        deflate: false,
        enter(visit) {
          if (visit.principal.user === ANONYMOUS.user) {
            closeSocket(visit.socket, 4401, 'Screens want a login.');
            return;
          }
          const connection = new ScreenConnection(parts, visit);
          open.add(connection);
          const listed = connections.add(connection);
          void connection.closed.then(() => {
            open.delete(connection);
            listed[Symbol.dispose]();
          });
        },
      },
    ],
    routes: (app) => addPageRoutes(app, parts),
  };
};
