import { type ReactElement, useEffect, useState } from 'react';
import { Popover } from '../control/popover.tsx';
import { Problem } from '../control/problem.tsx';
import { type LinkState, linkStore, retryLink } from '../engine-link.ts';
import { logOut, readLogin, showLogin } from '../remote-login.ts';
import { showDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { formatClock } from '../text-format.ts';

/** The link to the engine: word and colour; a click says what happened and when. */
export function LinkBadge(): ReactElement {
  const link = useStore(linkStore, (value) => value);
  useSeconds(link.retryAt !== undefined);
  const { word, tone } = badgeOf(link);
  return (
    <Popover
      className="badge"
      align="end"
      label={`Link: ${word}`}
      testId="link-badge"
      tone={tone}
      button={
        <>
          <i />
          {word}
        </>
      }
    >
      {(close) => <LinkDetails link={link} onClose={close} />}
    </Popover>
  );
}

function LinkDetails({ link, onClose }: { link: LinkState; onClose: () => void }): ReactElement {
  const login = readLogin();
  return (
    <div className="popover-body">
      <h3>Link to the engine</h3>
      {link.reason && (
        <Problem error={{ code: link.code, message: link.reason }} tone={link.state === 'failed' ? 'bad' : 'warn'} />
      )}
      {link.state !== 'live' && (
        <button type="button" className="btn" onClick={retryLink}>
          Retry now
        </button>
      )}
      {login && (
        <p>
          Logged in as <b>{login.user}</b> ({login.role}){' '}
          <button
            type="button"
            className="btn small"
            onClick={() => {
              onClose();
              showDialog({ kind: 'ownLogin' });
            }}
          >
            Your login…
          </button>{' '}
          <button type="button" className="btn small" onClick={() => void logOut()}>
            Log out
          </button>
        </p>
      )}
      {link.engine && (
        <dl className="facts">
          <dt>Engine</dt>
          <dd>
            {link.engine.version}, {link.engine.host === 'electron' ? 'desktop' : 'Node'}
          </dd>
          <dt>Contract</dt>
          <dd>{link.engine.contract}</dd>
          {link.engine.dataFolder && (
            <>
              <dt>Data folder</dt>
              <dd className="selectable">{link.engine.dataFolder}</dd>
            </>
          )}
        </dl>
      )}
      <ol className="link-history">
        {link.history
          .slice(-8)
          .reverse()
          .map((line) => (
            <li key={`${line.at} ${line.text}`}>
              <span className="num quiet">{formatClock(line.at, false)}</span> {line.text}
            </li>
          ))}
      </ol>
    </div>
  );
}

/** While the engine cannot be reached, what that means for the measurement. */
export function LinkStrip(): ReactElement | null {
  const link = useStore(linkStore, (value) => value);
  useSeconds(link.retryAt !== undefined);
  if (link.state === 'live' || link.state === 'connecting') return null;
  const isLoggedOut = link.code === 'hub.unauthenticated';
  return (
    <div className={`strip-line ${link.state === 'failed' ? 'bad' : 'warn'}`} role="alert" data-testid="link-strip">
      <b>{isLoggedOut ? 'Not logged in' : link.state === 'failed' ? 'No engine' : 'Engine out of reach'}</b>
      <p>
        {link.reason}{' '}
        {link.engine && 'Values shown are the last ones known; if the engine still runs, so does its recording.'}{' '}
        <code className="num quiet">{link.code}</code>
      </p>
      <button type="button" className="btn small" onClick={isLoggedOut ? showLogin : retryLink}>
        {isLoggedOut ? 'Log in' : 'Retry now'}
      </button>
    </div>
  );
}

function badgeOf(link: LinkState): { word: string; tone: string } {
  switch (link.state) {
    case 'connecting':
      return { word: 'Connecting', tone: 'idle' };
    case 'live':
      return { word: 'Live', tone: 'ok' };
    case 'reconnecting': {
      const seconds =
        link.retryAt === undefined ? undefined : Math.max(0, Math.ceil((link.retryAt - Date.now()) / 1000));
      return { word: `Reconnecting ${link.attempt}${seconds === undefined ? '' : ` in ${seconds} s`}`, tone: 'warn' };
    }
    case 'failed':
      return { word: link.code === 'link.version' ? 'Failed: other version' : 'Failed', tone: 'bad' };
  }
}

/** Renders every half second while something counts down. */
export function useSeconds(on: boolean): void {
  const [, tick] = useState(0);
  useEffect(() => {
    if (!on) return;
    const timer = setInterval(() => tick((count) => count + 1), 500);
    return () => clearInterval(timer);
  }, [on]);
}
