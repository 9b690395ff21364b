import { type ReactElement, useEffect, useState } from 'react';
import type { ExchangeRecord } from '../../contract/instrument-schema.ts';
import { LabError } from '../../core/errors.ts';
import { ExchangeList } from '../console/exchange-list.tsx';
import { Dialog } from '../control/dialog.tsx';
import { Problem } from '../control/problem.tsx';
import { benchStore, call } from '../engine-link.ts';
import { closeDialog, showConsole } from '../screen-store.ts';

const SHOWN = 200;
const REFRESH_MS = 1000;

/** What was said between the engine and one instrument lately. */
export function ExchangesDialog({ instrument }: { instrument: string }): ReactElement {
  const [exchanges, setExchanges] = useState<ExchangeRecord[]>();
  const [error, setError] = useState<LabError>();
  const label = benchStore.get()?.instruments.find((item) => item.id === instrument)?.label ?? instrument;
  useEffect(() => {
    let isGone = false;
    const read = async (): Promise<void> => {
      try {
        const answer = await call('instrument.exchanges', { instrument, limit: SHOWN });
        if (!isGone) {
          setExchanges(answer.exchanges);
          setError(undefined);
        }
      } catch (thrown) {
        if (!isGone) setError(LabError.from(thrown));
      }
    };
    void read();
    const timer = setInterval(() => void read(), REFRESH_MS);
    return () => {
      isGone = true;
      clearInterval(timer);
    };
  }, [instrument]);
  return (
    <Dialog
      wide
      closesOutside
      title={`Last exchanges: ${label}`}
      onClose={closeDialog}
      foot={
        <>
          <span className="quiet">Newest last, {SHOWN} at most, read every second.</span>
          <span className="grow" />
          <button
            type="button"
            className="btn"
            onClick={() => {
              closeDialog();
              showConsole(instrument);
            }}
          >
            Open in console
          </button>
        </>
      }
    >
      <div className="dialog-body flush tall">
        {error && <Problem error={error} />}
        {exchanges && exchanges.length === 0 && <p className="empty">Nothing was said yet.</p>}
        {exchanges && <ExchangeList exchanges={exchanges} />}
      </div>
    </Dialog>
  );
}
