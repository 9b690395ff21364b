import { type ReactElement, useState } from 'react';
import type { ShareSettings, ShareState } from '../../contract/share-schema.ts';
import { Problem } from '../control/problem.tsx';
import { PlainSwitch } from '../control/switch.tsx';
import { readLogin } from '../remote-login.ts';
import { useAttempt } from '../servers/attempt.ts';
import { ShareAddresses } from './share-addresses.tsx';
import { changeShare } from './share-change.ts';
import { STATE_WORDS } from './share-words.ts';

/** The one switch, what came of it, and where the bench is reached. */
export function ShareSwitch(props: {
  settings: ShareSettings;
  share: ShareState;
  /** Why nothing can be changed. */
  locked: string | undefined;
}): ReactElement {
  const { settings, share, locked } = props;
  const { busy, problem, attempt } = useAttempt();
  const { word, tone } = STATE_WORDS[share.state];
  const [isAsking, setIsAsking] = useState(false);
  const put = (on: boolean): void => {
    setIsAsking(false);
    if (!busy) void attempt(() => changeShare(() => ({ on })));
  };
  // A page that comes through the hub cuts itself off, and cannot take it back.
  const turn = (on: boolean): void => (!on && readLogin() ? setIsAsking(true) : put(on));
  const again = (): void =>
    void attempt(async () => {
      await changeShare(() => ({ on: false }));
      await changeShare(() => ({ on: true }));
    });
  return (
    <>
      {locked && <Problem error={{ code: '', message: locked }} tone="info" />}
      <div className="share-switch">
        <PlainSwitch label="Share this bench" checked={settings.on} disabled={locked !== undefined} onChange={turn} />
        <div>
          <b>Share this bench</b>
          <small className="quiet">
            Programs and people see and work its instruments over the network, through a hub of its own.
          </small>
        </div>
        <span className="badge" data-tone={tone} data-testid="share-state" role="status">
          <i />
          {word}
        </span>
      </div>
      {isAsking && (
        <Problem
          tone="warn"
          error={{
            code: '',
            message:
              'This page reaches the bench through what is switched off here. Only somebody at the bench can switch it on again.',
          }}
        >
          <button type="button" className="btn small danger" onClick={() => put(false)}>
            Switch off
          </button>
          <button type="button" className="btn small" onClick={() => setIsAsking(false)}>
            Cancel
          </button>
        </Problem>
      )}
      {problem && <Problem error={problem} />}
      {(share.state === 'starting' || share.state === 'on') && share.reason && (
        <Problem error={{ code: '', message: share.reason }} tone="warn" />
      )}
      {share.state === 'failed' && (
        <Problem error={{ code: '', message: share.reason ?? 'The hub gives no reason. Switch sharing off and on.' }}>
          <button type="button" className="btn small" disabled={locked !== undefined || busy} onClick={again}>
            Try again
          </button>
        </Problem>
      )}
      {share.urls.length > 0 && <ShareAddresses urls={share.urls} settings={settings} />}
    </>
  );
}
