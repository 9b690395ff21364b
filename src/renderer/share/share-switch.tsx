import type { ReactElement } from 'react';
import type { ShareSettings, ShareState } from '../../contract/share-schema.ts';
import { CopyButton } from '../attach/copy-button.tsx';
import { Problem } from '../control/problem.tsx';
import { PlainSwitch } from '../control/switch.tsx';
import { useAttempt } from '../servers/attempt.ts';
import { QrCode } from './qr-code.tsx';
import { changeShare } from './share-change.ts';
import { isLoopback } from './share-draft.ts';
import { PROFILE_WORDS, STATE_WORDS } from './share-words.ts';

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
  const turn = (on: boolean): void => {
    if (!busy) void attempt(() => changeShare(() => ({ on })));
  };
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
      {problem && <Problem error={problem} />}
      {share.state === 'starting' && share.reason && (
        <Problem error={{ code: '', message: share.reason }} tone="warn" />
      )}
      {share.state === 'failed' && (
        <Problem error={{ code: '', message: share.reason ?? 'The hub gives no reason. Switch sharing off and on.' }}>
          <button type="button" className="btn small" disabled={locked !== undefined || busy} onClick={again}>
            Try again
          </button>
        </Problem>
      )}
      {share.urls.length > 0 && <Addresses urls={share.urls} settings={settings} />}
    </>
  );
}

function Addresses({ urls, settings }: { urls: readonly string[]; settings: ShareSettings }): ReactElement {
  const [first = ''] = urls;
  return (
    <div className="share-addresses">
      <QrCode text={first} label={`QR code of ${first}`} />
      <div>
        <ul aria-label="Addresses">
          {urls.map((url, index) => (
            <li key={url}>
              <span className="num selectable cut" title={url}>
                {url}
              </span>
              <CopyButton text={url} what="Address" />
              <small className="quiet">{PROFILE_WORDS[settings.listeners[index - 1]?.profile ?? 'native']}</small>
            </li>
          ))}
        </ul>
        <small className="quiet">
          {isLoopback(settings.host)
            ? 'Programs of this machine alone: a telephone that reads the code does not reach it.'
            : settings.host === '0.0.0.0' || settings.host === '::'
              ? 'Other machines reach it under the name or address of this one, at this port.'
              : 'The code is the first address.'}
        </small>
      </div>
    </div>
  );
}
