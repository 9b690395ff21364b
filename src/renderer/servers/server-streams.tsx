import type { ReactElement } from 'react';
import type { ServerState, ServerStream } from '../../contract/server-schema.ts';
import { formatCount } from '../text-format.ts';

const SOURCE_WORDS: Record<ServerStream['source'], string> = {
  live: 'live',
  polled: 'polled',
  filled: 'filling in',
  silent: 'silent',
};
const SOURCE_TONES: Record<ServerStream['source'], string> = {
  live: 'tone-ok',
  polled: '',
  filled: '',
  silent: 'tone-warn',
};

/** Each stream of the attached instruments: how it comes, how fast, how late, and what is missing. */
export function ServerStreams({ server }: { server: ServerState }): ReactElement {
  const labels = new Map(server.equipment.map(({ id, label }) => [id, label]));
  return (
    <table className="server-streams num">
      <thead>
        <tr>
          <th>Stream</th>
          <th>Comes</th>
          <th>Rate</th>
          <th title="From the time of the source to here">Latency</th>
          <th>Rows</th>
          <th title="The server said they are lost">Lost</th>
          <th title="Fetched later">Filled in</th>
          <th title="Missing, and nothing says why">Unexplained</th>
        </tr>
      </thead>
      <tbody>
        {server.streams.map((one) => (
          <tr key={`${one.equipment} ${one.stream}`}>
            <td className="cut" title={`${one.equipment} ${one.stream}`}>
              {labels.get(one.equipment) ?? one.equipment} {one.stream}
            </td>
            <td className={SOURCE_TONES[one.source]}>{SOURCE_WORDS[one.source]}</td>
            <td>{one.rateHz.toFixed(1)} /s</td>
            <td>{one.latencyMs === null ? '–' : `${Math.max(0, Math.round(one.latencyMs))} ms`}</td>
            <td>{formatCount(one.rows)}</td>
            <td>{formatCount(one.lost)}</td>
            <td>{formatCount(one.filled)}</td>
            <td className={one.unaccounted > 0 ? 'tone-bad' : ''}>{formatCount(one.unaccounted)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
