import { type ReactElement, useState } from 'react';
import type { RecordingState } from '../../contract/recording-schema.ts';
import { act, toast } from '../actions.ts';
import { Icon } from '../control/icon.tsx';
import { benchStore, linkStore, pulseStore } from '../engine-link.ts';
import { VIEW_ONLY } from '../lacks-right.ts';
import { useMay } from '../may.ts';
import { showDialog, showOrigin, showScreen } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { formatBytes, formatCount, formatElapsed, formatLeft, msOf } from '../text-format.ts';

/** It runs, or waits for a disk. */
function isRunning(state: RecordingState['state'] | undefined): boolean {
  return state === 'recording' || state === 'waiting';
}

/** Starts a recording of everything attached, or stops the one that runs. */
export async function toggleRecording(): Promise<void> {
  if (!isRunning(benchStore.get()?.recording.state)) {
    await act('recording.start', {});
    return;
  }
  const stopped = await act('recording.stop', {});
  if (!stopped) return;
  const loss = stopped.lost > 0 ? `, ${formatCount(stopped.lost)} lost` : ', none lost';
  toast({
    severity: stopped.lost > 0 ? 'warning' : 'done',
    text: `Recording finished: ${formatCount(stopped.samples)} samples${loss}.`,
    action: { label: 'Show in Plot', run: () => showOrigin(stopped.recording) },
  });
}

/** One click records; while it runs it shows time, bytes and how long the disk lasts, and one click stops. */
export function RecordButton(): ReactElement {
  const recording = useStore(benchStore, (bench) => bench?.recording);
  const pulse = useStore(pulseStore, (value) => value);
  const hasStreams = useStore(benchStore, (bench) => (bench?.instruments.length ?? 0) > 0);
  const isLive = useStore(linkStore, (link) => link.state === 'live');
  const mayControl = useMay('control');
  const [busy, setBusy] = useState(false);
  const isRecording = isRunning(recording?.state);
  const isWaiting = recording?.state === 'waiting';
  const now = isRunning(pulse?.recording.state) ? pulse?.recording : recording;
  const press = async (): Promise<void> => {
    setBusy(true);
    await toggleRecording();
    setBusy(false);
  };
  const elapsed = now?.startedNs && pulse ? (msOf(pulse.t) - msOf(now.startedNs)) / 1000 : 0;
  return (
    <span className="record-group">
      <button
        type="button"
        className="record"
        aria-pressed={isRecording}
        aria-label={isRecording ? 'Stop recording' : 'Record'}
        data-testid="record"
        disabled={busy || !isLive || !mayControl || (!isRecording && !hasStreams)}
        title={
          !mayControl
            ? VIEW_ONLY
            : isRecording
              ? `Recording ${now?.name ?? ''}: click to stop (Alt+R)`
              : hasStreams
                ? 'Record everything attached (Alt+R)'
                : 'Attach an instrument first: there is nothing to record'
        }
        onClick={() => void press()}
      >
        <i />
        {isRecording ? (
          <>
            <b>{formatElapsed(elapsed)}</b>
            <span>
              {isWaiting
                ? 'waits for a disk'
                : `${formatBytes(now?.bytes ?? 0)} · ${formatLeft(now?.diskSecondsLeft ?? null)} left`}
            </span>
          </>
        ) : (
          'Record'
        )}
      </button>
      <button
        type="button"
        className="btn icon"
        aria-label="Recording choices"
        title={
          !mayControl
            ? VIEW_ONLY
            : isRecording
              ? 'Record messages beside it, for other programs'
              : 'Record with a name, notes, seconds before, or in another format'
        }
        disabled={!isLive || !mayControl || !hasStreams}
        onClick={() => showDialog({ kind: 'record' })}
      >
        <Icon name="down" />
      </button>
    </span>
  );
}

/** A recording that ended by itself is never silent. */
export function RecordingStrip(): ReactElement | null {
  const recording = useStore(benchStore, (bench) => bench?.recording);
  const [dismissed, setDismissed] = useState<string>();
  if (recording?.state === 'waiting' && recording.error) {
    return (
      <div className="strip-line bad" role="alert">
        <b>Recording waits for a disk</b>
        <p>
          {recording.error.message} What is measured is held in memory meanwhile.{' '}
          <code className="num quiet">{recording.error.code}</code>
        </p>
        <button type="button" className="btn small" onClick={() => showScreen('settings')}>
          Folders
        </button>
      </div>
    );
  }
  if (recording?.state !== 'failed' || !recording.error || dismissed === recording.recording) return null;
  return (
    <div className="strip-line bad" role="alert">
      <b>Recording stopped</b>
      <p>
        {recording.error.message} <code className="num quiet">{recording.error.code}</code>
      </p>
      <button type="button" className="btn small" onClick={() => showScreen('recordings')}>
        Recordings
      </button>
      <button type="button" className="btn small" onClick={() => setDismissed(recording.recording ?? '')}>
        Close
      </button>
    </div>
  );
}
