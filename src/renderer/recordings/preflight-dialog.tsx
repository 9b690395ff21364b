import { type ReactElement, useCallback, useEffect, useState } from 'react';
import type { PreflightCheck } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { Dialog } from '../control/dialog.tsx';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';
import { closeDialog, showDialog } from '../screen-store.ts';

const TITLES: Record<PreflightCheck['id'], string> = {
  attached: 'Instruments',
  delivering: 'Channels',
  space: 'Disk space',
  folder: 'Folder',
  sleep: 'Sleep',
  clock: 'Clock',
  alarms: 'Alarms',
  safety: 'Safety limits',
  flight: 'Flight recorder',
  power: 'Mains power',
  upload: 'Upload',
};
const MARKS: Record<PreflightCheck['verdict'], { sign: string; word: string; tone: string }> = {
  good: { sign: '✓', word: 'good', tone: 'ok' },
  warning: { sign: '!', word: 'look at it', tone: 'warn' },
  bad: { sign: '✕', word: 'not ready', tone: 'bad' },
  unknown: { sign: '?', word: 'not known', tone: 'warn' },
};

/** The list to go through before a night. */
export function PreflightDialog(): ReactElement {
  const [hours, setHours] = useState('12');
  const [checks, setChecks] = useState<PreflightCheck[]>();
  const [error, setError] = useState<LabError>();
  const wanted = Number(hours);
  const isTime = wanted > 0 && wanted <= 10_000;
  const look = useCallback(async (): Promise<void> => {
    if (!isTime) return;
    try {
      setChecks((await call('recording.preflight', { hours: wanted })).checks);
      setError(undefined);
    } catch (thrown) {
      setError(LabError.from(thrown));
    }
  }, [wanted, isTime]);
  useEffect(() => {
    void look();
    const timer = setInterval(() => void look(), 3000);
    return () => clearInterval(timer);
  }, [look]);
  const worst = checks?.some(({ verdict }) => verdict === 'bad')
    ? 'Not ready yet: see the lines marked ✕.'
    : checks?.some(({ verdict }) => verdict !== 'good')
      ? 'Nothing stands in the way; some lines are worth a look.'
      : 'Ready for the night.';
  return (
    <Dialog
      title="Pre-flight"
      wide
      closesOutside
      onClose={closeDialog}
      foot={
        <>
          <span className="quiet" role="status">
            {checks ? worst : 'Looking …'}
          </span>
          <span className="grow" />
          <button type="button" className="btn" onClick={closeDialog}>
            Close
          </button>
          <button type="button" className="btn primary" onClick={() => showDialog({ kind: 'record' })}>
            Record…
          </button>
        </>
      }
    >
      <div className="dialog-body">
        <div className="field">
          <label htmlFor="preflight-hours">Hours to record</label>
          <input
            id="preflight-hours"
            className="input num minutes"
            value={hours}
            aria-invalid={!isTime}
            onChange={(event) => setHours(event.target.value)}
          />
        </div>
        <ul className="preflight" data-testid="preflight">
          {checks?.map(({ id, verdict, text, fix }) => {
            const { sign, word, tone } = MARKS[verdict];
            return (
              <li key={id} data-verdict={verdict}>
                <span className={`preflight-mark tone-${tone}`} title={word}>
                  {sign}
                  <span className="sr-only">{word}</span>
                </span>
                <b>{TITLES[id]}</b>
                <p>
                  {text}
                  {fix && <small className="quiet"> {fix}</small>}
                </p>
              </li>
            );
          })}
        </ul>
        {error && <Problem error={error} />}
      </div>
    </Dialog>
  );
}
