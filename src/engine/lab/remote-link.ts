import { LabError } from '../../core/errors.ts';
import type { InstrumentLink } from '../acquisition/instrument-link.ts';
import { RemoteDriver, unknownEquipment } from './remote-driver.ts';
import { type RemotePlace, RemoteSession } from './remote-session.ts';

/**
 * An instrument of a lab server as a link like any other. Throws server.rejected when the server lists none of that id, or why nothing can be asked of it
 * (server.unauthorized and the like).
 */
export function createRemoteLink(place: RemotePlace): InstrumentLink {
  const { server, equipment } = place;
  const found = server.equipment.find(({ id }) => id === equipment);
  if (!found && server.link.error) throw LabError.fromRecord(server.link.error);
  if (!found) throw unknownEquipment(server.url, equipment);
  const session = new RemoteSession(place);
  const driver = new RemoteDriver(place, session);
  return {
    session,
    driver,
    identity: found.identity,
    family: server.dialect,
    async [Symbol.asyncDispose]() {
      await driver[Symbol.asyncDispose]();
      await session[Symbol.asyncDispose]();
    },
  };
}
