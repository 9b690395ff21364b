import { type ReactElement, useEffect, useRef, useState } from 'react';
import type { CallOutput } from '../../contract/calls.ts';
import { recordingPages } from '../../contract/recording-pages.ts';
import type { RecordingRow } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { Allowed } from '../control/allowed.tsx';
import { Icon } from '../control/icon.tsx';
import { Problem } from '../control/problem.tsx';
import { benchStore, call, clientStore } from '../engine-link.ts';
import { toggleRecording } from '../frame/record-button.tsx';
import { createStore, useStore } from '../store.ts';
import { JobList } from './job-list.tsx';
import { LibraryActions } from './library-actions.tsx';
import { RecordingDetails } from './recording-details.tsx';
import { RecordingTable } from './recording-table.tsx';
import { SessionList } from './session-list.tsx';
import { UploadList } from './upload-list.tsx';

/** What is looked for and at: the same after a look at another screen. */
const pickStore = createStore<{ search: string; picked: string | undefined }>({ search: '', picked: undefined });

function pick(id: string): void {
  pickStore.update((now) => (now.picked === id ? now : { ...now, picked: id }));
}

/** What was recorded: newest first, with a preview, searchable; details beside. */
export function RecordingsScreen(): ReactElement {
  const { search, picked } = useStore(pickStore, (value) => value);
  const { list, error } = useLibrary(search);
  const rows = list?.recordings ?? [];
  const row = rows.find((item) => item.id === picked) ?? rows[0];
  const hasInstruments = useStore(benchStore, (bench) => (bench?.instruments.length ?? 0) > 0);
  return (
    <section className="split" aria-label="Recordings">
      <div className="view">
        <div className="view-bar">
          <h1>Recordings</h1>
          <label className="search">
            <Icon name="search" />
            <input
              className="input"
              type="search"
              aria-label="Search recordings"
              placeholder="Name, tag, note, instrument, channel"
              value={search}
              onChange={(event) => pickStore.update((now) => ({ ...now, search: event.target.value }))}
            />
          </label>
          <span className="grow" />
          <LibraryActions />
          <span className="quiet cut selectable num folder" title={list?.folder}>
            <bdi>{list?.folder}</bdi>
          </span>
        </div>
        <div className="view-body">
          {error && <Problem error={error} />}
          {list && list.problem !== '' && (
            <p className="quiet" role="status">
              {list.problem}
            </p>
          )}
          {rows.length > 0 && <RecordingTable rows={rows} picked={row?.id} onPick={pick} />}
          {list && rows.length === 0 && search.trim() === '' && <NoRecordings hasInstruments={hasInstruments} />}
          {list && rows.length === 0 && search.trim() !== '' && (
            <div className="empty">
              <h2>Nothing fits “{search}”</h2>
              <p>Names, notes, tags, operators, instruments and channels are searched.</p>
            </div>
          )}
        </div>
        <div className="underway">
          <SessionList />
          <UploadList />
          <JobList />
        </div>
      </div>
      {row && <RecordingDetails key={row.id} row={row} />}
    </section>
  );
}

function NoRecordings({ hasInstruments }: { hasInstruments: boolean }): ReactElement {
  return (
    <div className="empty">
      <Icon name="recordings" />
      <h2>No recordings yet</h2>
      <p>
        Press Record in the top bar: everything attached goes into one file, every sample, until you press it again. A
        power cut costs the last second at most.
      </p>
      <div className="row">
        <Allowed right="control">
          <button
            type="button"
            className="btn primary"
            disabled={!hasInstruments}
            onClick={() => void toggleRecording()}
          >
            Record now <span className="kbd on-primary">Alt R</span>
          </button>
        </Allowed>
      </div>
      {!hasInstruments && <p className="quiet">Attach an instrument first: there is nothing to record.</p>}
    </div>
  );
}

/** The list, read again when the library or the running recording changed. */
function useLibrary(search: string): { list: CallOutput<'recording.list'> | undefined; error: LabError | undefined } {
  const client = useStore(clientStore, (value) => value);
  const running = useStore(
    benchStore,
    (bench) =>
      `${bench?.recording.state} ${bench?.recording.recording} ${bench?.recording.part} ${bench?.sessions.length}`,
  );
  const folder = useStore(benchStore, (bench) => bench?.settings.recordingsFolder);
  const [list, setList] = useState<CallOutput<'recording.list'>>();
  const [error, setError] = useState<LabError>();
  const shown = useRef<string>(undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: reads again when the recording or the folder changed
  useEffect(() => {
    if (!client) return;
    let isGone = false;
    let reads = 0;
    const read = async (): Promise<void> => {
      const turn = ++reads;
      let list: CallOutput<'recording.list'> | undefined;
      try {
        for await (const page of recordingPages({ call }, search.trim())) {
          if (isGone || turn !== reads) return;
          const before: RecordingRow[] = list?.recordings ?? [];
          const known = new Set(before.map(({ id }) => id));
          // It may have changed between two pages.
          list = { ...page, recordings: [...before, ...page.recordings.filter(({ id }) => !known.has(id))] };
          // Of another search the first page is shown at once; of the same one what was shown stays until all is there.
          if (page.next !== null && shown.current === search) continue;
          setList(list);
          if (page.next === null) shown.current = search;
        }
        setError(undefined);
      } catch (thrown) {
        if (!isGone && turn === reads) setError(LabError.from(thrown));
      }
    };
    void read();
    const stop = client.on('library.changed', () => void read());
    return () => {
      isGone = true;
      stop();
    };
  }, [client, running, folder, search]);
  return { list, error };
}
