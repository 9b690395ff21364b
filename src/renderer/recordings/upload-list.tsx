import type { ReactElement } from 'react';
import type { Upload } from '../../contract/upload-schema.ts';
import { act } from '../actions.ts';
import { benchStore } from '../engine-link.ts';
import { useStore } from '../store.ts';
import { formatBytes, formatLeft, msOf, plural } from '../text-format.ts';

const SHOWN = 4;

/** Parts on their way to the server; what is done is not shown. */
export function UploadList(): ReactElement | null {
  const upload = useStore(benchStore, (bench) => bench?.upload);
  const open = upload?.uploads.filter(({ state }) => state !== 'done') ?? [];
  if (!upload?.target || open.length === 0) return null;
  return (
    <ul className="jobs" aria-label="Uploads">
      {upload.link !== 'reachable' && (
        <li>
          <span className="tone-warn">
            {upload.link === 'needs-password'
              ? 'The server takes no such user and password: correct them in Settings.'
              : upload.link === 'unknown'
                ? 'Looking for the server …'
                : 'The server cannot be reached. Recordings wait here, whole.'}
          </span>
        </li>
      )}
      {open.slice(0, SHOWN).map((one) => (
        <li key={one.id} data-testid="upload-row" data-state={one.state}>
          <span className="cut">
            {one.name} <span className="quiet">part {one.part}</span>
          </span>
          <span className="grow" />
          <span className={one.state === 'failed' ? 'tone-bad' : 'num quiet'}>{uploadText(one)}</span>
          {(one.state === 'failed' || one.error) && (
            <button type="button" className="btn small" onClick={() => void act('upload.retry', { upload: one.id })}>
              Try now
            </button>
          )}
          <button type="button" className="btn small" onClick={() => void act('upload.cancel', { upload: one.id })}>
            Cancel
          </button>
          <div
            className="progress"
            role="progressbar"
            aria-valuenow={Math.round(shareOf(one) * 100)}
            aria-label={one.name}
          >
            <i style={{ transform: `scaleX(${shareOf(one)})` }} />
          </div>
        </li>
      ))}
      {open.length > SHOWN && <li className="quiet">and {plural(open.length - SHOWN, 'part')} more</li>}
    </ul>
  );
}

function shareOf({ sentBytes, bytes }: Upload): number {
  return bytes > 0 ? Math.min(1, sentBytes / bytes) : 0;
}

function uploadText({ state, sentBytes, bytes, error, retryNs }: Upload): string {
  switch (state) {
    case 'sending':
      return `${formatBytes(sentBytes)} of ${formatBytes(bytes)}`;
    case 'verifying':
      return 'reading it back';
    case 'failed':
      return error?.message ?? 'failed';
    default: {
      const waitS = retryNs === null ? 0 : (msOf(retryNs) - Date.now()) / 1000;
      return waitS > 1 ? `tried again in ${formatLeft(waitS)}` : 'waiting';
    }
  }
}
