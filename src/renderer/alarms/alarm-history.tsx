import { type ReactElement, useEffect, useState } from 'react';
import type { LabEvent } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { Icon } from '../control/icon.tsx';
import { Problem } from '../control/problem.tsx';
import { benchStore, clientStore } from '../engine-link.ts';
import { useStore } from '../store.ts';
import { formatClock, formatDate, msOf } from '../text-format.ts';
import { SeverityTag } from './severity-tag.tsx';

const DAYS = 7;

/** Every transition of every alarm of the last week, newest first. */
export function AlarmHistory(): ReactElement {
  const last = useStore(benchStore, (bench) => bench?.events.findLast((event) => event.kind === 'alarm')?.id);
  const client = useStore(clientStore, (value) => value);
  const [events, setEvents] = useState<LabEvent[]>();
  const [error, setError] = useState<LabError>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: reads again when another alarm event happened
  useEffect(() => {
    if (!client) return;
    let isGone = false;
    setError(undefined);
    const nowMs = Date.now() + 60_000;
    const fromMs = nowMs - DAYS * 86_400_000;
    client.call('event.list', { fromNs: `${fromMs}000000`, toNs: `${nowMs}000000` }).then(
      (answer) => !isGone && setEvents(newestFirst(answer.events)),
      (thrown: unknown) => !isGone && setError(LabError.from(thrown)),
    );
    return () => {
      isGone = true;
    };
  }, [client, last]);
  if (error) return <Problem error={error} />;
  if (events?.length === 0) {
    return (
      <div className="empty">
        <Icon name="alarms" />
        <h2>No alarms in the last {DAYS} days</h2>
        <p>Each time a rule begins to hold or stops holding, a line is added here and in the recording.</p>
      </div>
    );
  }
  return (
    <table className="table">
      <thead>
        <tr>
          <th>When</th>
          <th>Severity</th>
          <th>What</th>
        </tr>
      </thead>
      <tbody>
        {events?.map((event) => (
          <tr key={event.id}>
            <td className="num">
              {formatDate(msOf(event.t)).slice(0, -5)}
              {formatClock(msOf(event.t))}
            </td>
            <td>{event.severity && <SeverityTag severity={event.severity} />}</td>
            <td className="selectable">{event.text}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** By the time of the sample that decided: rules of different instruments are not told in that order. */
function newestFirst(events: readonly LabEvent[]): LabEvent[] {
  return events
    .filter((event) => event.kind === 'alarm')
    .sort((a, b) => (BigInt(a.t) === BigInt(b.t) ? 0 : BigInt(a.t) < BigInt(b.t) ? 1 : -1));
}
