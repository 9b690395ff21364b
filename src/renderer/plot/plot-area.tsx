import 'uplot/dist/uPlot.min.css';
import './plot.css';
import { type ReactElement, useEffect, useState } from 'react';
import type { BenchState, PlotLayout } from '../../contract/bench-schema.ts';
import type { Client } from '../../contract/client.ts';
import type { RecordingInfo } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { showError } from '../actions.ts';
import { Problem } from '../control/problem.tsx';
import { benchStore, linkStore } from '../engine-link.ts';
import { recordingOf } from '../replay/replay-origin.ts';
import { useStore } from '../store.ts';
import { ownPlot } from './automatic-plots.ts';
import { NoteBox } from './note-box.tsx';
import { PlotBoard } from './plot-board.ts';
import { CHANNEL_MIME } from './plot-channel.ts';
import { plotKey } from './plot-keys.ts';
import { PlotPanel } from './plot-panel.tsx';
import { PlotToolbar } from './plot-toolbar.tsx';

export interface PlotAreaProps {
  client: Client;
  bench: BenchState;
  /** Whose samples: 'live' or a recording. */
  origin: string;
  /** Only these plots; default: all. */
  plotIds?: readonly string[];
}

/** Plots over each other with one time axis, live or of a recording. Everything that moves is drawn by the board, outside React. */
export function PlotArea({ client, bench, origin, plotIds }: PlotAreaProps): ReactElement {
  const [info, setInfo] = useState<RecordingInfo>();
  const [error, setError] = useState<LabError>();
  const recording = useStore(benchStore, (state) => recordingOf(state, origin));
  useEffect(() => {
    if (recording === 'live') return;
    const abort = new AbortController();
    client.call('recording.info', { recording }, { signal: abort.signal }).then(setInfo, (thrown: unknown) => {
      const failure = LabError.from(thrown);
      if (!failure.isCancelled) setError(failure);
    });
    return () => abort.abort();
  }, [client, recording]);
  if (error) return <Problem error={error} />;
  if (origin !== 'live' && !info) return <div className="plot-area plot-waiting">Reading the recording …</div>;
  return <Board key={origin} client={client} bench={bench} origin={origin} info={info} plotIds={plotIds} />;
}

/** The live board while no screen shows it: a look at another screen, or a link that broke, keeps the view and the columns. */
let parked: PlotBoard | undefined;

function takeBoard(origin: string, info: RecordingInfo | undefined): PlotBoard {
  const replay = benchStore.get()?.replays.find(({ id }) => id === origin);
  if (origin !== 'live' || !parked) return new PlotBoard(origin, info, replay);
  const board = parked;
  parked = undefined;
  board.wake();
  return board;
}

function giveBoard(board: PlotBoard): void {
  if (board.origin !== 'live' || parked) board[Symbol.dispose]();
  else {
    board.park();
    parked = board;
  }
}

function Board(
  props: PlotAreaProps & { info: RecordingInfo | undefined; plotIds: readonly string[] | undefined },
): ReactElement | null {
  const { client, bench, origin, info, plotIds } = props;
  const [board, setBoard] = useState<PlotBoard>();
  useEffect(() => {
    const taken = takeBoard(origin, info);
    const engine = linkStore.get().engine;
    if (engine) taken.setClock(BigInt(engine.nowNs), BigInt(engine.startedNs));
    setBoard(taken);
    return () => {
      setBoard(undefined);
      giveBoard(taken);
    };
  }, [origin, info]);
  useEffect(() => board?.setClient(client), [board, client]);
  const replay = bench.replays.find((one) => one.id === origin);
  useEffect(() => {
    if (replay) board?.setReplay(replay);
  }, [board, replay]);
  useEffect(() => board?.setBench(bench, plotIds), [board, bench, plotIds]);
  if (!board) return null;
  return <BoardView board={board} client={client} />;
}

function BoardView({ board, client }: { board: PlotBoard; client: Client }): ReactElement {
  const plots = useStore(board.state, (state) => state.plots);
  const fault = useStore(board.state, (state) => state.fault);
  const [noteS, setNoteS] = useState<number>();

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (document.querySelector('dialog[open]')) return;
      if (
        plotKey(event, board, {
          note: () => setNoteS(board.view.limits.live ? board.view.limits.toS : board.view.range.toS),
        })
      )
        event.preventDefault();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [board]);

  const change = (next: readonly PlotLayout[]): void => {
    board.setPlots(next);
    if (board.origin === 'live') client.call('plot.set', { plots: [...next] }).catch(showError);
  };
  const empty = (channels: string[] = []): PlotLayout => ({
    id: `plot-${Date.now().toString(36)}`,
    title: '',
    channels,
  });
  const replace = (plot: PlotLayout): void => change(plots.map((item) => (item.id === plot.id ? ownPlot(plot) : item)));
  const add = (channels: string[]): void => change([...plots, empty(channels)]);
  // No plot at all means that plots come by themselves: who takes the last one away wants an empty one.
  const remove = (id: string): void => {
    const rest = plots.filter((item) => item.id !== id);
    change(rest.length > 0 ? rest : [empty()]);
  };
  return (
    <section className="plot-area" aria-label="Plots">
      <PlotToolbar board={board} onNote={() => setNoteS(board.view.limits.toS)} onAddPlot={() => add([])} />
      {fault && <Problem error={fault} />}
      {noteS !== undefined && (
        <NoteBox
          timeMs={Number(board.timeNs(noteS) / 1_000_000n)}
          onClose={() => setNoteS(undefined)}
          onSave={(text) => {
            setNoteS(undefined);
            client.call('note.add', { text, t: String(board.timeNs(noteS)) }).catch(showError);
          }}
        />
      )}
      <div className="plot-stack">
        {plots.map((plot) => (
          <PlotPanel key={plot.id} board={board} plot={plot} onChange={replace} onRemove={() => remove(plot.id)} />
        ))}
        {plots.length === 0 && <EmptyPlots onAdd={() => add([])} onDrop={add} />}
      </div>
    </section>
  );
}

function EmptyPlots({ onAdd, onDrop }: { onAdd: () => void; onDrop: (channels: string[]) => void }): ReactElement {
  return (
    <section
      className="plot-empty"
      aria-label="No plot yet"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        const id = event.dataTransfer.getData(CHANNEL_MIME);
        if (id) onDrop(id.split('\n'));
      }}
    >
      <b>No plot yet</b>
      <p>Attach an instrument and its channels appear here. Or drag a channel from its card onto this place.</p>
      <button type="button" className="btn" onClick={onAdd}>
        Add a plot
      </button>
    </section>
  );
}
