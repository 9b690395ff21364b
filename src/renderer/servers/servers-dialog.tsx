import { type ReactElement, useRef, useState } from 'react';
import type { ServerState } from '../../contract/server-schema.ts';
import { Dialog } from '../control/dialog.tsx';
import { benchStore } from '../engine-link.ts';
import { closeDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { AddServer } from './add-server.tsx';
import { ServerDetails } from './server-details.tsx';
import { ServerTabs } from './server-tabs.tsx';

const NONE: readonly ServerState[] = [];

/** The lab servers of the bench: one list, and one of them in full. */
export function ServersDialog(props: { server?: string | undefined; address?: string | undefined }): ReactElement {
  const servers = useStore(benchStore, (bench) => bench?.servers ?? NONE);
  const [chosen, setChosen] = useState(props.server);
  const address = useRef<HTMLInputElement>(null);
  const shown = servers.find(({ id }) => id === chosen) ?? servers[0];
  return (
    <Dialog wide title="Lab servers" onClose={closeDialog}>
      <div className="dialog-body servers">
        <AddServer address={props.address} addressRef={address} onAdded={setChosen} />
        {shown && servers.length > 1 && <ServerTabs servers={servers} shown={shown.id} onChoose={setChosen} />}
        {shown ? (
          // The button that removed it is gone with it: the focus stays in the dialog.
          <ServerDetails key={shown.id} server={shown} onRemoved={() => address.current?.focus()} />
        ) : (
          <div className="empty">
            <h2>No lab server on the bench</h2>
            <p>
              A lab server shares the instruments of another place: LabLink, a power meter, NeuroGraph, VITAL, or
              another Labwire. Type its address above; its instruments are then attached like those at hand, and polled
              while live data do not come.
            </p>
          </div>
        )}
      </div>
    </Dialog>
  );
}
