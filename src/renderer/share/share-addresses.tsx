import { type ReactElement, useState } from 'react';
import type { ShareSettings } from '../../contract/share-schema.ts';
import { CopyButton } from '../attach/copy-button.tsx';
import { QrCode } from './qr-code.tsx';
import { isLoopback, profileAt } from './share-draft.ts';
import { PROFILE_WORDS } from './share-words.ts';

/** Where the bench is reached: each address with what it speaks, and one of them as a code. */
export function ShareAddresses(props: { urls: readonly string[]; settings: ShareSettings }): ReactElement {
  const { urls, settings } = props;
  const [chosen, setChosen] = useState('');
  const shown = urls.includes(chosen) ? chosen : (urls[0] ?? '');
  return (
    <div className="share-addresses">
      <QrCode text={shown} label={`QR code of ${shown}`} />
      <div>
        <ul aria-label="Addresses">
          {urls.map((url) => (
            <li key={url}>
              <span className="num selectable cut" title={url}>
                {url}
              </span>
              <CopyButton text={url} what="Address" />
              {urls.length > 1 && (
                <button
                  type="button"
                  className="btn small"
                  aria-label={`Code of ${url}`}
                  aria-pressed={url === shown}
                  onClick={() => setChosen(url)}
                >
                  Code
                </button>
              )}
              <small className="quiet">{PROFILE_WORDS[profileAt(url, settings)]}</small>
            </li>
          ))}
        </ul>
        <small className="quiet">{hintOf(urls.length, settings.host)}</small>
      </div>
    </div>
  );
}

function hintOf(count: number, host: string): string {
  if (isLoopback(host)) return 'Programs of this machine alone: a telephone that reads the code does not reach it.';
  if (count === 1) return 'A telephone on the same network reads the code.';
  return 'Addresses of this machine: which one another machine reaches depends on the network it is on.';
}
