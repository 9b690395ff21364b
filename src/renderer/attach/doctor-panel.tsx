import { type ReactElement, useCallback, useEffect, useState } from 'react';
import type { AttachOptions, DoctorCheck, DoctorReport } from '../../contract/discovery-schema.ts';
import { LabError } from '../../core/errors.ts';
import { wayOf } from '../../core/resource-way.ts';
import { Icon, type IconName } from '../control/icon.tsx';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';
import { CopyButton } from './copy-button.tsx';

const ICONS: Record<DoctorCheck['state'], IconName> = {
  ok: 'done',
  problem: 'warning',
  warning: 'info',
  skipped: 'more',
};

/** Why a resource does not appear or answer: each thing looked at, its cause, its fix, and what to paste. */
export function DoctorPanel(props: {
  resource: string;
  /** Absent where it is attached already. */
  onAttach?: (options: AttachOptions | undefined) => void;
}): ReactElement {
  const { resource, onAttach } = props;
  const [report, setReport] = useState<DoctorReport>();
  const [error, setError] = useState<LabError>();
  const [busy, setBusy] = useState(true);
  const look = useCallback(
    async (tries: boolean): Promise<void> => {
      setBusy(true);
      try {
        setReport(await call('doctor.run', { resource, tries }));
        setError(undefined);
      } catch (thrown) {
        setError(LabError.from(thrown));
      }
      setBusy(false);
    },
    [resource],
  );
  useEffect(() => void look(false), [look]);
  const works = report?.works;
  return (
    <div className="doctor" data-testid="doctor" aria-busy={busy}>
      {error && <Problem error={error} />}
      <p role="status">
        <b>{busy ? `Looking at ${resource}…` : report?.verdict}</b>
      </p>
      {report && (
        <ol>
          {report.checks.map((check) => (
            <li key={check.id} data-state={check.state}>
              <Icon name={ICONS[check.state]} />
              <div>
                <span>
                  {check.title}: {check.cause}
                </span>
                {check.fix && <small>{check.fix}</small>}
                {check.paste && (
                  <span className="paste">
                    <code className="num selectable">{check.paste}</code>
                    <CopyButton text={check.paste} what="Text to paste" />
                  </span>
                )}
              </div>
            </li>
          ))}
        </ol>
      )}
      <div className="row">
        <button type="button" className="btn small" disabled={busy} onClick={() => void look(false)}>
          Look again
        </button>
        {wayOf(report?.resource ?? resource) === 'serial' && (
          <button
            type="button"
            className="btn small"
            disabled={busy}
            title="Sends *IDN? with other line ends and at other baud rates until something answers"
            onClick={() => void look(true)}
          >
            Try other line settings
          </button>
        )}
        {onAttach && (works || report?.isHealthy) && (
          <button type="button" className="btn small primary" disabled={busy} onClick={() => onAttach(works)}>
            {works ? 'Attach with what works' : 'Attach'}
          </button>
        )}
      </div>
    </div>
  );
}
