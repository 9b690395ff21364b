import { type KeyboardEvent, type ReactElement, useEffect, useState } from 'react';
import type { CallOutput } from '../../contract/calls.ts';
import type { RecordingRow } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { Allowed } from '../control/allowed.tsx';
import { Icon } from '../control/icon.tsx';
import { Problem } from '../control/problem.tsx';
import { benchStore, call, clientStore } from '../engine-link.ts';
import { toggleRecording } from '../frame/record-button.tsx';
import { showOrigin } from '../screen-store.ts';
import { createStore, useStore } from '../store.ts';
import { formatBytes, formatDate, formatDuration, msOf, plural } from '../text-format.ts';
import { JobList } from './job-list.tsx';
import { LibraryActions } from './library-actions.tsx';
import { useGrown } from './live-row.ts';
import { RecordingDetails } from './recording-details.tsx';
import { FORMAT_WORDS, isUnreadable, previewColor, recordingState } from './recording-words.ts';
import { SessionList } from './session-list.tsx';
import { Sparkline } from './sparkline.tsx';
import { UploadList } from './upload-list.tsx';

/** What is looked for and at: the same after a look at another screen. */
const pickStore = createStore<{ search: string; picked: string | undefined }>({ search: '', picked: undefined });

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
          {rows.length > 0 && (
            <table className="table">
              <thead>
                <tr>
                  <th>Name</th>
                  <th>
                    <span className="sr-only">Preview</span>
                  </th>
                  <th>Started</th>
                  <th>Duration</th>
                  <th className="col-channels">Channels</th>
                  <th>Size</th>
                  <th>State</th>
                </tr>
              </thead>
              <tbody>
                {rows.map((item) => (
                  <Row
                    key={item.id}
                    row={item}
                    isPicked={item.id === row?.id}
                    onPick={() => pickStore.update((now) => ({ ...now, picked: item.id }))}
                  />
                ))}
              </tbody>
            </table>
          )}
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

function Row(props: { row: RecordingRow; isPicked: boolean; onPick: () => void }): ReactElement {
  const { row, isPicked, onPick } = props;
  const { word, tone } = recordingState(row);
  const { durationS, bytes } = useGrown(row);
  const isReadable = row.format === 'labwire' && !isUnreadable(row);
  const open = (): void => {
    if (isReadable) showOrigin(row.id);
  };
  const onKey = (event: KeyboardEvent<HTMLTableRowElement>): void => {
    if (event.key === 'Enter') open();
    else if (event.key === ' ') onPick();
    else if (event.key === 'ArrowDown') (event.currentTarget.nextElementSibling as HTMLElement | null)?.focus();
    else if (event.key === 'ArrowUp') (event.currentTarget.previousElementSibling as HTMLElement | null)?.focus();
    else return;
    event.preventDefault();
  };
  return (
    <tr
      className="pick"
      tabIndex={isPicked ? 0 : -1}
      aria-selected={isPicked}
      data-testid="recording-row"
      onClick={onPick}
      onFocus={onPick}
      onDoubleClick={open}
      onKeyDown={onKey}
    >
      <td className="recording-name">
        <b className="lines" title={row.name}>
          {row.name}
        </b>
        <small className="cut">
          {row.tags.length > 0 && <span className="tags">{row.tags.join(' · ')} </span>}
          {row.format !== 'labwire'
            ? FORMAT_WORDS[row.format]
            : row.instruments.length > 2
              ? plural(row.instruments.length, 'instrument')
              : row.instruments.join(', ')}
        </small>
      </td>
      <td>
        <Sparkline preview={row.preview} color={previewColor(row)} />
      </td>
      <td className="num">{formatDate(msOf(row.startedNs))}</td>
      <td className="num">{isUnreadable(row) ? '–' : formatDuration(durationS)}</td>
      <td className="num col-channels">{isReadable ? row.channels : '–'}</td>
      <td className="num">{formatBytes(bytes)}</td>
      <td className={`tone-${tone}`} title={row.reason}>
        {word}
        {row.reason && <small className="lines">{row.reason}</small>}
      </td>
    </tr>
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
  // biome-ignore lint/correctness/useExhaustiveDependencies: reads again when the recording or the folder changed
  useEffect(() => {
    if (!client) return;
    let isGone = false;
    const read = async (): Promise<void> => {
      try {
        const answer = await call('recording.list', search.trim() ? { search: search.trim() } : {});
        if (isGone) return;
        setList(answer);
        setError(undefined);
      } catch (thrown) {
        if (!isGone) setError(LabError.from(thrown));
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
