import { type ReactElement, useEffect, useState } from 'react';
import type { Diagnostics } from '../../contract/discovery-schema.ts';
import { LabError } from '../../core/errors.ts';
import { DoctorPanel } from '../attach/doctor-panel.tsx';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';
import { formatBytes, formatClock, formatCount, msOf } from '../text-format.ts';
import { LatencyBars } from './latency-bars.tsx';

const REFRESH_MS = 1000;

/** One instrument in depth: health with its reasons, how long its answers take, what its error queue said, and the doctor. */
export function InstrumentDetails({ instrument }: { instrument: string }): ReactElement {
  const [facts, setFacts] = useState<Diagnostics>();
  const [error, setError] = useState<LabError>();
  const [isDoctor, setIsDoctor] = useState(false);
  useEffect(() => {
    let isCurrent = true;
    const look = (): Promise<void> =>
      call('instrument.diagnostics', { instrument })
        .then((answer) => {
          if (!isCurrent) return;
          setFacts(answer);
          setError(undefined);
        })
        .catch((thrown: unknown) => isCurrent && setError(LabError.from(thrown)))
        .then(() => undefined);
    void look();
    const timer = setInterval(() => void look(), REFRESH_MS);
    return () => {
      isCurrent = false;
      clearInterval(timer);
    };
  }, [instrument]);
  if (error) return <Problem error={error} />;
  if (!facts) return <p className="quiet">Asking the engine…</p>;
  return (
    <div className="details" data-testid="instrument-details">
      <Health facts={facts} />
      <LatencyBars latency={facts.latency} />
      <dl className="facts num">
        <dt>Queries</dt>
        <dd>{formatCount(facts.queries)}</dd>
        <dt>Timeouts, retries</dt>
        <dd>
          {formatCount(facts.timeouts)}, {formatCount(facts.retries)}
        </dd>
        <dt>Opened again</dt>
        <dd>{formatCount(facts.reopened)}</dd>
        <dt>Late bytes kept away</dt>
        <dd>{formatCount(facts.lateBytes)}</dd>
        <dt>Bytes in, out</dt>
        <dd>
          {formatBytes(facts.bytesIn)}, {formatBytes(facts.bytesOut)}
        </dd>
      </dl>
      <ErrorQueue errors={facts.errors} />
      {isDoctor ? (
        <DoctorPanel resource={facts.resource} />
      ) : (
        <button type="button" className="btn small" onClick={() => setIsDoctor(true)}>
          Ask the doctor
        </button>
      )}
    </div>
  );
}

function Health({ facts }: { facts: Diagnostics }): ReactElement {
  const { score, reasons } = facts.health;
  const tone = score >= 90 ? 'ok' : score >= 60 ? 'warn' : 'bad';
  return (
    <div className="health">
      <p className={`score num tone-${tone}`}>
        {score}
        <small className="quiet"> of 100</small>
      </p>
      {reasons.length === 0 ? (
        <p className="quiet">Nothing wrong since {formatClock(msOf(facts.sinceNs), false)}.</p>
      ) : (
        <ul>
          {reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

function ErrorQueue({ errors }: { errors: Diagnostics['errors'] }): ReactElement {
  return (
    <div className="error-queue">
      <h3>Error queue</h3>
      {errors.length === 0 ? (
        <p className="quiet">It has said nothing.</p>
      ) : (
        <ol className="lines num">
          {errors.slice(-10).map(({ t, code, text }) => (
            <li key={`${t} ${code} ${text}`}>
              <time className="quiet">{formatClock(msOf(t), false)}</time> {code} {text}
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}
