import { type ReactElement, useState } from 'react';
import type { CallOutput } from '../../contract/calls.ts';
import type { ServerState } from '../../contract/server-schema.ts';
import { act } from '../actions.ts';
import { plural } from '../text-format.ts';

/** The server's own emergency stop and every channel by itself; what did not confirm stays on the screen. */
export function EmergencyStop({ server }: { server: ServerState }): ReactElement {
  const [results, setResults] = useState<CallOutput<'server.emergencyStop'>['results']>();
  const [busy, setBusy] = useState(false);
  const open = results?.filter(({ confirmed }) => !confirmed) ?? [];
  const stop = async (): Promise<void> => {
    setBusy(true);
    setResults((await act('server.emergencyStop', { server: server.id }))?.results);
    setBusy(false);
  };
  return (
    <>
      {results && (
        <span className={open.length === 0 ? 'tone-ok' : 'tone-bad'} role="status">
          {results.length === 0
            ? 'Told the server; it lists nothing to switch off'
            : open.length === 0
              ? `${plural(results.length, 'output')} off, confirmed`
              : `NOT confirmed: ${open.map(({ instrument, group }) => `${instrument} ${group}`).join(', ')}. Switch off by hand.`}
        </span>
      )}
      <button
        type="button"
        className="btn danger"
        disabled={busy}
        title="Switches every output of this server off, channel by channel, and reads each back"
        onClick={() => void stop()}
      >
        {busy ? 'Stopping…' : 'Emergency stop'}
      </button>
    </>
  );
}
