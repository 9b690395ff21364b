import { access } from 'node:fs/promises';
import type { FoundInstrument } from '../../contract/discovery-schema.ts';
import type { ServerState } from '../../contract/server-schema.ts';
import { LabError } from '../../core/errors.ts';
import type { Identity, Role } from '../../core/instrument.ts';
import { wayOf } from '../../core/resource-way.ts';
import type { SerialPortRow } from '../transport/serial-ports.ts';
import type { KnownInstrument } from './known-instruments.ts';
import { readResource } from './path-rank.ts';
import type { Search } from './search.ts';
import type { Found } from './sighting.ts';

/** Lists of the system are looked at so often while somebody watches. */
const LIST_AGAIN_MS = 2000;

/** Serial ports, by name and with what the system knows of them; none is opened. */
export function createSerialSearch(list: () => Promise<SerialPortRow[]>): Search {
  return {
    source: 'serial',
    againMs: LIST_AGAIN_MS,
    async look({ found }) {
      for (const { resource, name, about } of await list())
        found({ resource, state: 'unknown', idn: null, name, about });
    },
  };
}

/** What of an attached instrument goes into the list. */
export interface AttachedRow {
  id: string;
  label: string;
  role: Role;
  identity: Identity;
  resource: string;
}

/** The instruments of the bench. */
export function createAttachedSearch(list: () => AttachedRow[]): Search {
  return {
    source: 'attached',
    async look({ found }) {
      for (const { id, label, role, identity, resource } of list()) {
        const idn = [identity.maker, identity.model, identity.serial, identity.firmware].join(',');
        found({ resource, state: 'usable', idn, name: label, role, instrument: id });
      }
    },
  };
}

/** What the lab servers of the bench list. */
export function createServerSearch(list: () => readonly ServerState[]): Search {
  return {
    source: 'server',
    async look({ found }) {
      for (const { label, equipment } of list()) {
        for (const { identity, role, resource, isConnected, label: name } of equipment) {
          const idn = [identity.maker, identity.model, identity.serial, identity.firmware].join(',');
          const about = isConnected ? `at ${label}` : `at ${label}, which has no connection to it now`;
          found({ resource, state: isConnected ? 'usable' : 'unknown', idn, name, role, about });
        }
      }
    },
  };
}

/** The simulated bench, if it runs. */
export function createSimulatorSearch(list: () => readonly FoundInstrument[]): Search {
  return {
    source: 'simulator',
    async look({ found }) {
      for (const { name, role, idn, resources, reason } of list()) {
        for (const resource of resources) found({ resource, state: 'usable', idn, name, role });
        if (resources.length === 0)
          found({
            resource: `simulated ${name}`,
            state: 'unusable',
            idn,
            name,
            role,
            about: reason ?? 'it has no way in',
          });
      }
    },
  };
}

/** Addresses that were typed or used before and that no other search finds by itself. They are not knocked at: some take one client only. */
export function createRememberedSearch(list: () => readonly KnownInstrument[]): Search {
  return {
    source: 'remembered',
    async look({ found }) {
      for (const { identity, label, paths } of list()) {
        for (const { resource } of paths) {
          if (!(await isWorthShowing(resource))) continue;
          const idn = [identity.maker, identity.model, identity.serial, identity.firmware].join(',');
          found({ resource, state: 'unknown', idn, name: label, about: 'used before; not asked now' });
        }
      }
    },
  };
}

/** What hangs on a port of this machine is there or not, and its own search says so. A path typed by hand (a pseudo-terminal) is shown while it exists. */
async function isWorthShowing(resource: string): Promise<boolean> {
  const parsed = readResource(resource);
  if (!parsed || wayOf(resource) === 'usb') return false;
  if (parsed.kind !== 'serial') return true;
  return access(parsed.port).then(
    () => true,
    () => false,
  );
}

/** A search made of a list that another module gives: what the system has of a kind. */
export function createListSearch(source: Search['source'], list: () => Promise<Found[]>, againMs?: number): Search {
  return {
    source,
    ...(againMs === undefined ? {} : { againMs }),
    async look({ found }) {
      for (const row of await list()) found(row);
    },
  };
}

/** A way of looking that does not exist here, with its reason. */
export function createMissingSearch(source: Search['source'], reason: string): Search {
  return {
    source,
    look: () => Promise.reject(new LabError('discovery.unavailable', reason)),
  };
}
