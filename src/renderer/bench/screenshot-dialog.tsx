import { type ReactElement, useCallback, useEffect, useState } from 'react';
import { LabError } from '../../core/errors.ts';
import { Dialog } from '../control/dialog.tsx';
import { Icon } from '../control/icon.tsx';
import { Problem } from '../control/problem.tsx';
import { benchStore, call } from '../engine-link.ts';
import { closeDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { titleOf } from './instrument-words.ts';

interface Picture {
  url: string;
  name: string;
}

/** The screen of the instrument as a picture; taken when the dialog opens, and again on request. */
export function ScreenshotDialog({ instrument: id }: { instrument: string }): ReactElement {
  const instrument = useStore(benchStore, (bench) => bench?.instruments.find((item) => item.id === id));
  const title = instrument ? titleOf(instrument) : id;
  const [picture, setPicture] = useState<Picture>();
  const [error, setError] = useState<LabError>();
  const [busy, setBusy] = useState(false);
  const take = useCallback(async (): Promise<void> => {
    setBusy(true);
    try {
      const { type, base64 } = await call('instrument.screenshot', { instrument: id });
      const stamp = new Date().toISOString().replace(/[:.]/g, '-').slice(0, 19);
      setPicture({
        url: `data:${type};base64,${base64}`,
        name: `${title} ${stamp}.${type === 'image/png' ? 'png' : 'bmp'}`,
      });
      setError(undefined);
    } catch (thrown) {
      setError(LabError.from(thrown));
    }
    setBusy(false);
  }, [id, title]);
  useEffect(() => void take(), [take]);
  return (
    <Dialog
      title={`${title}: screen`}
      wide
      closesOutside
      onClose={closeDialog}
      foot={
        <>
          <span className="grow" />
          <button type="button" className="btn" disabled={busy} onClick={() => void take()}>
            {busy ? 'Taking…' : 'Take again'}
          </button>
          {picture && (
            <a className="btn primary" href={picture.url} download={picture.name}>
              <Icon name="download" /> Save
            </a>
          )}
        </>
      }
    >
      <div className="dialog-body screenshot">
        {error && <Problem error={error} />}
        {picture ? (
          <img src={picture.url} alt={`Screen of ${title}`} data-testid="screenshot" />
        ) : (
          busy && <p className="quiet">The instrument is sending its screen; large pictures take some seconds.</p>
        )}
      </div>
    </Dialog>
  );
}
