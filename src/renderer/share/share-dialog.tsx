import { type ReactElement, useState } from 'react';
import type { Settings } from '../../contract/bench-schema.ts';
import type { ShareState } from '../../contract/share-schema.ts';
import { Dialog } from '../control/dialog.tsx';
import { benchStore, linkStore } from '../engine-link.ts';
import { closeDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { ConnectionView } from './connection-view.tsx';
import { ShareSetup } from './share-setup.tsx';
import { ShareSwitch } from './share-switch.tsx';
import { type ShareTab, ShareTabs } from './share-tabs.tsx';
import { lockedReason } from './share-words.ts';
import { UserView } from './user-view.tsx';

/** Sharing this bench: whether and where, with whom, and who is connected. */
export function ShareDialog(props: { tab?: ShareTab | undefined }): ReactElement {
  const settings = useStore(benchStore, (bench) => bench?.settings) as Settings;
  const share = useStore(benchStore, (bench) => bench?.share) as ShareState;
  const link = useStore(linkStore, (value) => value);
  const [tab, setTab] = useState<ShareTab>(props.tab ?? 'setup');
  // Told once: another tab must not lose it.
  const [secret, setSecret] = useState<string>();
  const locked = lockedReason(link.state, link.engine?.rights);
  const mayManage = link.engine?.rights.includes('manage') ?? false;
  return (
    <Dialog wide title="Share this bench" onClose={closeDialog}>
      <div className="dialog-body share">
        <ShareSwitch settings={settings.share} share={share} locked={locked} />
        <ShareTabs
          shown={tab}
          connections={share.connections.filter(({ state }) => state !== 'lost').length}
          users={share.users}
          isOn={share.state === 'on'}
          onChoose={setTab}
        />
        <div className="share-panel" role="tabpanel" id={`share-${tab}`} aria-labelledby={`share-tab-${tab}`}>
          {tab === 'setup' && <ShareSetup settings={settings.share} share={share} isLocked={locked !== undefined} />}
          {tab === 'users' && (
            <UserView
              share={share}
              isLocked={locked !== undefined}
              mayManage={mayManage}
              secret={secret}
              onSecret={setSecret}
            />
          )}
          {tab === 'connections' && <ConnectionView share={share} isLocked={locked !== undefined} />}
        </div>
      </div>
    </Dialog>
  );
}
