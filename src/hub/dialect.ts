import type { Scope } from '../core/scope.ts';
import type { HubParts } from './hub-parts.ts';
import type { HubApp, SocketDoor } from './server/door.ts';

/** What one kind of client needs of the hub: its sockets and its part of the REST. */
export interface Dialect {
  readonly doors?: readonly SocketDoor[] | undefined;
  readonly routes?: ((app: HubApp, parts: HubParts) => void) | undefined;
}

/** Opens a dialect; what it holds on to belongs to the scope, which ends with the hub. */
export type OpenDialect = (parts: HubParts, scope: Scope) => Dialect;
