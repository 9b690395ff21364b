import { type ReactElement, useEffect, useState } from 'react';
import type { CallOutput } from '../../contract/calls.ts';
import type { RecordingInfo, RecordingRow } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { unitSymbol } from '../../core/units.ts';
import { showError, toast } from '../actions.ts';
import { Allowed } from '../control/allowed.tsx';
import { Problem } from '../control/problem.tsx';
import { call, clientStore } from '../engine-link.ts';
import { showDialog, showOrigin } from '../screen-store.ts';
import { shell } from '../shell.ts';
import { useStore } from '../store.ts';
import { formatBytes, formatCount, formatDate, formatDuration, formatHz, msOf, plural } from '../text-format.ts';
import { type Grown, useGrown } from './live-row.ts';
import { FORMAT_WORDS, isUnreadable, previewColor, recordingState } from './recording-words.ts';
import { ShelfActions } from './shelf-actions.tsx';
import { Sparkline } from './sparkline.tsx';

/** One recording: what is in it, what is missing, and what can be done with it. */
export function RecordingDetails({ row }: { row: RecordingRow }): ReactElement {
  const client = useStore(clientStore, (value) => value);
  const [info, setInfo] = useState<RecordingInfo>();
  const [report, setReport] = useState<CallOutput<'recording.verify'>>();
  const [error, setError] = useState<LabError>();
  const [busy, setBusy] = useState<'verify'>();
  const { word, tone } = recordingState(row);
  const grown = useGrown(row);
  const isRunning = row.state === 'recording';
  /** Sessions of messages are for other programs: nothing here reads them. */
  const isNative = row.format === 'labwire';
  const isReadable = isNative && !isUnreadable(row);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a recording that ended, was thinned or repaired is read again
  useEffect(() => {
    if (!client || !isNative) return;
    let isGone = false;
    setError(undefined);
    client.call('recording.info', { recording: row.id }).then(
      (answer) => !isGone && setInfo(answer),
      (thrown: unknown) => !isGone && setError(LabError.from(thrown)),
    );
    return () => {
      isGone = true;
    };
  }, [client, row.id, row.state, row.bytes, row.channels]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: what was said of other files is void
  useEffect(() => setReport(undefined), [row.state, row.channels]);

  const verify = async (): Promise<void> => {
    setBusy('verify');
    setReport(undefined);
    setError(undefined);
    try {
      setReport(await call('recording.verify', { recording: row.id }));
    } catch (thrown) {
      setError(LabError.from(thrown));
    }
    setBusy(undefined);
  };
  const reveal = (): void => {
    const path = row.paths[0];
    if (path) shell?.reveal(path).catch(showError);
  };
  const copyPath = async (): Promise<void> => {
    await navigator.clipboard.writeText(row.paths.join('\n'));
    toast({ severity: 'done', text: 'Path copied.' });
  };

  return (
    <aside className="side" aria-label="Details of the recording">
      <h2 className="cut selectable" title={row.name}>
        {row.name}
      </h2>
      <p className={`tone-${tone}`}>{word}</p>
      {info && <p className="facts-text">{summary(info, grown.durationS)}</p>}
      {!isNative && <p className="facts-text">{sessionFacts(row, grown)}</p>}
      {!isNative && (
        <p className="quiet">
          {FORMAT_WORDS[row.format]}: messages for programs that read this format. Plot and exports are for Labwire
          recordings.
        </p>
      )}
      {isReadable && (
        <div className="side-box">
          <Sparkline isLarge preview={row.preview} color={previewColor(row)} />
          <small className="quiet num">preview of the first channel, min/max a column</small>
        </div>
      )}
      <div className="side-actions">
        {isReadable && (
          <>
            <button type="button" className="btn primary" onClick={() => showOrigin(row.id)}>
              Open in Plot
            </button>
            <Allowed right="control">
              <button
                type="button"
                className="btn"
                disabled={isRunning || !info}
                title={isRunning ? 'Stop the recording first' : undefined}
                onClick={() => info && showDialog({ kind: 'export', info })}
              >
                Export…
              </button>
              <button
                type="button"
                className="btn"
                disabled={isRunning}
                onClick={() => showDialog({ kind: 'editRecording', row })}
              >
                Edit…
              </button>
            </Allowed>
            <button
              type="button"
              className="btn"
              disabled={busy !== undefined || isRunning}
              title={isRunning ? 'Stop the recording first' : undefined}
              onClick={() => void verify()}
            >
              {busy === 'verify' ? 'Verifying…' : 'Verify'}
            </button>
          </>
        )}
        {shell ? (
          <button type="button" className="btn" onClick={reveal}>
            Show file
          </button>
        ) : (
          <button type="button" className="btn" onClick={() => void copyPath().catch(showError)}>
            Copy path
          </button>
        )}
      </div>
      <Allowed right="control">
        <ShelfActions row={row} />
      </Allowed>
      {error && <Problem error={error} />}
      {report && <VerifyReport report={report} />}
      {info?.missing && !report?.problems.includes(info.missing) && (
        <Problem tone="warn" error={{ code: '', message: info.missing }} />
      )}
      {(row.notes || row.tags.length > 0 || row.operator) && (
        <div>
          <h3 className="quiet">Notes</h3>
          {row.notes && <p className="selectable notes-text">{row.notes}</p>}
          <p className="quiet">{[row.operator, row.tags.join(' · ')].filter(Boolean).join(' — ')}</p>
        </div>
      )}
      {info?.thinned && <p className="quiet">{info.thinned}</p>}
      {row.verified && (
        <p className={row.verified.ok ? 'tone-ok' : 'tone-bad'}>
          {row.verified.ok ? '✓ verified' : 'problems found'} {formatDate(msOf(row.verified.atNs))}
        </p>
      )}
      {row.uploaded && <p className="quiet cut">Uploaded to {row.uploaded}</p>}
      {info && <Gaps info={info} />}
      {info && (
        <div className="side-list">
          <h3 className="quiet">Channels</h3>
          <table className="table tight">
            <tbody>
              {info.channels.map((channel) => (
                <tr key={channel.id}>
                  <td title={channel.id}>{channel.label || channel.name}</td>
                  <td className="num">{unitSymbol(channel.unit)}</td>
                  <td className="num">{formatCount(channel.samples)}</td>
                  <td className="num">{formatHz(channel.rateHz)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </aside>
  );
}

/** Of a session, what its files tell: what is in them is for others. */
function sessionFacts({ paths, startedNs }: RecordingRow, { durationS, bytes }: Grown): string {
  const facts = [
    formatDate(msOf(startedNs)),
    formatDuration(durationS),
    formatBytes(bytes),
    plural(paths.length, 'file'),
  ];
  return facts.map(unbroken).join(SEPARATOR);
}

/** Without its full stop: more comes behind it. */
function unended(sentence: string): string {
  return sentence.replace(/\.$/, '');
}

/** Ends a line, never begins one. */
const SEPARATOR = '\u00a0· ';

/** A number and what it counts stay on one line. */
function unbroken(text: string): string {
  return text.replaceAll(' ', '\u00a0');
}

function summary(info: RecordingInfo, durationS: number): string {
  const samples = info.channels.reduce((sum, channel) => sum + channel.samples, 0);
  const gapS = info.gaps.reduce((sum, gap) => sum + (msOf(gap.toNs) - msOf(gap.fromNs)) / 1000, 0);
  return [
    formatDuration(durationS),
    plural(info.channels.length, 'channel'),
    `${formatCount(samples)} samples`,
    `${formatCount(info.lost)} lost`,
    ...(info.gaps.length > 0 ? [`${plural(info.gaps.length, 'gap')} (${formatDuration(gapS)})`] : []),
    // What is said to be missing is a gap of its own kind.
    ...(info.gaps.length === 0 && info.missing === '' ? ['no gaps'] : []),
    plural(info.events.length, 'event'),
  ]
    .map(unbroken)
    .join(SEPARATOR);
}

function Gaps({ info }: { info: RecordingInfo }): ReactElement | null {
  if (info.gaps.length === 0) return null;
  const shown = info.gaps.slice(0, 8);
  return (
    <div className="side-list">
      <h3 className="quiet">Gaps</h3>
      <ul className="gap-list">
        {shown.map((gap) => (
          <li key={`${gap.stream} ${gap.fromNs}`}>
            <span className="num">{formatDuration((msOf(gap.toNs) - msOf(gap.fromNs)) / 1000)}</span> {gap.reason}
            {gap.lost > 0 ? `, ${formatCount(gap.lost)} lost` : ''}
          </li>
        ))}
        {info.gaps.length > shown.length && <li className="quiet">and {info.gaps.length - shown.length} more</li>}
      </ul>
    </div>
  );
}

function VerifyReport({ report }: { report: CallOutput<'recording.verify'> }): ReactElement {
  const read = `${formatCount(report.samples)} samples in ${plural(report.chunks, 'chunk')}, ${formatCount(report.lost)} lost`;
  if (report.ok) return <Problem tone="info" error={{ code: '', message: `Every chunk is intact: ${read}.` }} />;
  return (
    <Problem
      error={{
        code: '',
        message: `${plural(report.problems.length, 'problem')} found (${read} are readable): ${report.problems.slice(0, 5).map(unended).join('; ')}.`,
      }}
    />
  );
}
