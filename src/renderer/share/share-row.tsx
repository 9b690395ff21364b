import type { ReactElement } from 'react';
import type { ShareState } from '../../contract/share-schema.ts';
import { benchStore } from '../engine-link.ts';
import { showDialog } from '../screen-store.ts';
import { Row } from '../settings/setting-row.tsx';
import { useStore } from '../store.ts';
import { plural } from '../text-format.ts';
import { STATE_WORDS } from './share-words.ts';

/** Sharing in the settings: how it stands, and the way to its dialog. */
export function ShareRow(): ReactElement {
  const share = useStore(benchStore, (bench) => bench?.share) as ShareState;
  const { word, tone } = STATE_WORDS[share.state];
  return (
    <Row title="Share this bench" hint="Programs and people see and work its instruments over the network.">
      <button type="button" className="btn" onClick={() => showDialog({ kind: 'share' })}>
        Sharing…
      </button>
      <span className="badge" data-tone={tone}>
        <i />
        {word}
      </span>
      {share.state === 'on' && <span className="quiet">{plural(share.connections.length, 'connection')}</span>}
    </Row>
  );
}
