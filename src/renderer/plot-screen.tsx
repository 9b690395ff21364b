import { type ReactElement, useEffect, useState } from 'react';
import type { CallOutput } from '../contract/calls.ts';
import { LabError } from '../core/errors.ts';
import { Icon } from './control/icon.tsx';
import { Problem } from './control/problem.tsx';
import { benchStore, clientStore, lastClientStore } from './engine-link.ts';
import { PlotArea } from './plot/plot-area.tsx';
import { ReplayBar } from './replay/replay-bar.tsx';
import { openReplay } from './replay/replay-origin.ts';
import { screenStore, showDialog, showOrigin, showScreen } from './screen-store.ts';
import { useStore } from './store.ts';
import { formatDate, formatDuration, msOf } from './text-format.ts';

/** All plots over the whole width, live or of a recording. */
export function PlotScreen(): ReactElement | null {
  const client = useStore(lastClientStore, (value) => value);
  const bench = useStore(benchStore, (value) => value);
  const origin = useStore(screenStore, (state) => state.origin);
  const replay = bench?.replays.find(({ id }) => id === origin);
  if (!bench) return null;
  return (
    <section className="plot-screen" aria-label="Plot">
      <h1 className="sr-only">Plot</h1>
      {replay ? <ReplayBar replay={replay} /> : origin !== 'live' && <RecordingBar recording={origin} />}
      {client ? <PlotArea key={origin} client={client} bench={bench} origin={origin} /> : <span className="grow" />}
    </section>
  );
}

/** Says whose samples these are; live goes on underneath. */
function RecordingBar({ recording }: { recording: string }): ReactElement {
  const client = useStore(clientStore, (value) => value);
  const [info, setInfo] = useState<CallOutput<'recording.info'>>();
  const [error, setError] = useState<LabError>();
  useEffect(() => {
    if (!client) return;
    let isGone = false;
    setError(undefined);
    client.call('recording.info', { recording }).then(
      (answer) => !isGone && setInfo(answer),
      (thrown: unknown) => !isGone && setError(LabError.from(thrown)),
    );
    return () => {
      isGone = true;
    };
  }, [client, recording]);
  return (
    <div className="recording-bar">
      <Icon name="recordings" />
      <b className="cut">{info?.row.name ?? 'Recording'}</b>
      {info && (
        <span className="quiet cut">
          {formatDate(msOf(info.fromNs))} · {formatDuration(info.row.durationS)}
          {info.missing ? ` · ${info.missing}` : ''}
        </span>
      )}
      {error && <Problem error={error} />}
      <span className="grow" />
      <button
        type="button"
        className="btn small"
        disabled={!info || info.row.state === 'recording'}
        onClick={() => void openReplay(recording)}
      >
        ▶ Replay
      </button>
      {info && (
        <button type="button" className="btn small" onClick={() => showDialog({ kind: 'export', info })}>
          Export…
        </button>
      )}
      <button type="button" className="btn small" onClick={() => showScreen('recordings')}>
        Recordings
      </button>
      <button type="button" className="btn small primary" onClick={() => showOrigin('live')}>
        Back to live
      </button>
    </div>
  );
}
