import { type FormEvent, type ReactElement, useState } from 'react';
import type { RecordingFormat } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { toast } from '../actions.ts';
import { Dialog } from '../control/dialog.tsx';
import { Problem } from '../control/problem.tsx';
import { PlainSwitch } from '../control/switch.tsx';
import { benchStore, call } from '../engine-link.ts';
import { closeDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { fileName } from '../text-format.ts';
import { type AboutDraft, AboutFields, tagsOf } from './about-fields.tsx';
import { type MessageChoices, MessageOptionFields } from './message-options.tsx';
import { FORMAT_WORDS } from './recording-words.ts';

const FORMATS = Object.keys(FORMAT_WORDS) as RecordingFormat[];

/** Recording with a name, notes and choices; one click on Record needs none of it. */
export function RecordDialog(): ReactElement {
  const settings = useStore(benchStore, (bench) => bench?.settings);
  const flight = useStore(benchStore, (bench) => bench?.flight);
  const [draft, setDraft] = useState<AboutDraft>({ name: '', operator: settings?.operator ?? '', tags: '', notes: '' });
  // Samples are recorded once at a time; sessions of messages run beside it.
  const isTaken = useStore(
    benchStore,
    (bench) => bench?.recording.state === 'recording' || bench?.recording.state === 'waiting',
  );
  const formats = FORMATS.filter((one) => one !== 'labwire' || !isTaken);
  const [format, setFormat] = useState<RecordingFormat>(isTaken ? 'lablink-jsonl' : 'labwire');
  const [before, setBefore] = useState('0');
  const [compression, setCompression] = useState(settings?.recordingCompression ?? 'none');
  const [plainMessages, setPlain] = useState(settings?.plainMessages ?? false);
  const [messages, setMessages] = useState<MessageChoices>({ gzip: true });
  const [error, setError] = useState<LabError>();
  const [busy, setBusy] = useState(false);
  const isNative = format === 'labwire';
  const seconds = Number(before);
  const isTime = !isNative || (before.trim() !== '' && seconds >= 0 && seconds <= 86_400);

  const start = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      const { name, operator, notes } = draft;
      if (isNative) {
        await call('recording.start', {
          ...(name.trim() ? { name: name.trim() } : {}),
          operator,
          notes,
          tags: tagsOf(draft.tags),
          options: { compression, plainMessages },
          ...(seconds > 0 ? { preTriggerS: seconds } : {}),
        });
      } else {
        const session = name.trim() || `session ${new Date().toISOString().slice(0, 19).replaceAll(':', '.')}`;
        const about = { operator, notes, tags: tagsOf(draft.tags) };
        const { path } = await call('session.start', { session, about, options: { format, ...messages } });
        toast({ severity: 'done', text: `Session “${session}” is being recorded in ${fileName(path)}.` });
      }
      closeDialog();
    } catch (thrown) {
      setError(LabError.from(thrown));
      setBusy(false);
    }
  };

  return (
    <Dialog title={isTaken ? 'Record messages beside the recording' : 'Record'} onClose={closeDialog}>
      <form className="dialog-form" onSubmit={(event) => void start(event)}>
        <div className="dialog-body">
          <AboutFields
            draft={draft}
            namePlaceholder="Bench, date and time"
            onChange={(change) => setDraft((now) => ({ ...now, ...change }))}
          />
          <div className="form-grid">
            <div className="field">
              <label htmlFor="record-format">Format</label>
              <select
                id="record-format"
                className="input"
                value={format}
                onChange={(event) => setFormat(event.target.value as RecordingFormat)}
              >
                {formats.map((one) => (
                  <option key={one} value={one}>
                    {FORMAT_WORDS[one]}
                  </option>
                ))}
              </select>
              <span className="hint">
                {isNative
                  ? 'Every sample, survives a power cut, opens instantly.'
                  : 'Messages, one a row: for programs that read this format. Runs beside a recording.'}
              </span>
            </div>
            {isNative && (
              <div className="field">
                <label htmlFor="record-before">Begin earlier (s)</label>
                <input
                  id="record-before"
                  className="input num"
                  value={before}
                  aria-invalid={!isTime}
                  disabled={flight?.state !== 'recording'}
                  onChange={(event) => setBefore(event.target.value)}
                />
                <span className="hint">
                  {flight?.state === 'recording'
                    ? 'Seconds of the past, from the flight recorder.'
                    : 'The flight recorder does not run.'}
                </span>
              </div>
            )}
          </div>
          {!isNative && (
            <div className="form-grid">
              <MessageOptionFields
                choices={messages}
                onChange={(change) => setMessages((now) => ({ ...now, ...change }))}
              />
            </div>
          )}
          {isNative && (
            <div className="form-grid">
              <div className="field">
                <label htmlFor="record-compression">Compression</label>
                <select
                  id="record-compression"
                  className="input"
                  value={compression}
                  onChange={(event) => setCompression(event.target.value as typeof compression)}
                >
                  <option value="none">none: fastest</option>
                  <option value="lz4">lz4</option>
                  <option value="zstd">zstd: smallest</option>
                </select>
              </div>
              <div className="field">
                <span className="label">For other viewers too</span>
                <PlainSwitch label="Plain messages for other viewers" checked={plainMessages} onChange={setPlain} />
                <span className="hint">Each row also as a plain JSON message; larger files.</span>
              </div>
            </div>
          )}
          {error && <Problem error={error} />}
        </div>
        <footer className="dialog-foot">
          <span className="grow" />
          <button type="button" className="btn" onClick={closeDialog}>
            Cancel
          </button>
          <button type="submit" className="btn primary" disabled={busy || !isTime}>
            Start recording
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
