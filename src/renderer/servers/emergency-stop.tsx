import { type ReactElement, useState } from 'react';
import type { CallOutput } from '../../contract/calls.ts';
import type { ServerState } from '../../contract/server-schema.ts';
import { act } from '../actions.ts';
import { plural } from '../text-format.ts';

type Results = CallOutput<'server.emergencyStop'>['results'];

const NAMED = 10;

/** The server's own emergency stop and every channel by itself; what did not confirm stays on the screen. */
export function EmergencyStop({ server }: { server: ServerState }): ReactElement {
  const [results, setResults] = useState<Results>();
  const [busy, setBusy] = useState(false);
  const stop = async (): Promise<void> => {
    setBusy(true);
    setResults((await act('server.emergencyStop', { server: server.id }))?.results);
    setBusy(false);
  };
  return (
    <>
      <button
        type="button"
        className="btn danger"
        disabled={busy}
        title="Switches every output of this server off, channel by channel, and reads each back"
        onClick={() => void stop()}
      >
        {busy ? 'Stopping…' : 'Emergency stop'}
      </button>
      {results && <StopResult results={results} />}
      {results && /^(lablink|labwire)/.test(server.dialect ?? '') && (
        <p className="server-stop">
          Nothing is switched on there until the stop is released: send <code>release_stop</code> to the server itself.
        </p>
      )}
    </>
  );
}

function StopResult({ results }: { results: Results }): ReactElement {
  const open = results.filter(({ confirmed }) => !confirmed);
  if (open.length === 0) {
    return (
      <p className="server-stop tone-ok" role="status">
        {results.length === 0
          ? 'It was told to stop; it lists nothing to switch off.'
          : `${plural(results.length, 'output')} off, confirmed.`}
      </p>
    );
  }
  const names = open.slice(0, NAMED).map(({ instrument, group }) => `${instrument} ${group}`.trim());
  const more = open.length > NAMED ? ` and ${open.length - NAMED} more` : '';
  return (
    <p className="server-stop tone-bad" role="alert" title={open[0]?.reason}>
      NOT confirmed: {names.join(', ')}
      {more}. Switch off by hand.
    </p>
  );
}
