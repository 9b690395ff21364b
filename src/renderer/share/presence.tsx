import type { ReactElement } from 'react';
import type { ShareConnection } from '../../contract/share-schema.ts';
import { benchStore, linkStore } from '../engine-link.ts';
import { useMay } from '../may.ts';
import { readLogin } from '../remote-login.ts';
import { useStore } from '../store.ts';
import { plural } from '../text-format.ts';
import { otherPeople } from './other-people.ts';

const NONE: readonly ShareConnection[] = [];
const NAMED = 3;

/** Who else looks at this bench from elsewhere, and what this screen may; nothing while nobody does and it may all. */
export function Presence(): ReactElement | null {
  const connections = useStore(benchStore, (bench) => bench?.share.connections ?? NONE);
  const isLive = useStore(linkStore, ({ state }) => state === 'live');
  const mayControl = useMay('control');
  const others = otherPeople(connections, readLogin()?.user);
  // Who looked when the link ended is not known to look now.
  if (!isLive || (others.length === 0 && mayControl)) return null;
  const names = others.map(({ user }) => user);
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return (
    <>
      {!mayControl && (
        <span className="view-only" data-testid="view-only" title="Your role may look at this bench and not control it">
          <b>view only</b>
        </span>
      )}
      {others.length > 0 && (
        <span
          data-testid="presence"
          title={`Looking from elsewhere: ${others.map(({ user, role }) => `${user} (${role})`).join(', ')}`}
        >
          {plural(others.length, 'other')} looking{' '}
          <b>
            {names.slice(0, NAMED).join(', ')}
            {more}
          </b>
        </span>
      )}
    </>
  );
}
