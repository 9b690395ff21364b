import { type FormEvent, type ReactElement, useState } from 'react';
import type { ServerRecordingRow, ServerState } from '../../contract/server-schema.ts';
import { Allowed } from '../control/allowed.tsx';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';
import { formatBytes, formatCount, formatElapsed } from '../text-format.ts';
import { useAttempt } from './attempt.ts';
import { useServerRecordings } from './server-recordings-watch.ts';

/** Recordings the server makes at its own place: those that run, and another one. Only labwire.1 answers for what it records. */
export function ServerRecordings({ server }: { server: ServerState }): ReactElement | null {
  const formats = server.dialect === 'labwire.1' ? server.features.recording : undefined;
  if (!Array.isArray(formats) || formats.length === 0) return null;
  return <RunningRecordings key={server.id} server={server.id} formats={formats} />;
}

function RunningRecordings({ server, formats }: { server: string; formats: readonly string[] }): ReactElement {
  const { recordings, look } = useServerRecordings(server);
  const [name, setName] = useState('');
  const [format, setFormat] = useState('');
  const [said, setSaid] = useState('');
  const { busy, problem, attempt } = useAttempt();
  const run = (work: () => Promise<string>): void => {
    if (busy) return;
    setSaid('');
    void attempt(async () => setSaid(await work())).then(look);
  };
  const start = (event: FormEvent): void => {
    event.preventDefault();
    run(async () => {
      const wish = { ...(name.trim() === '' ? {} : { name: name.trim() }), ...(format === '' ? {} : { format }) };
      const { file } = await call('server.startRecording', { server, ...wish });
      setName('');
      return `Recording into ${file}, at the server.`;
    });
  };
  const stop = (recording: string): void =>
    run(async () => {
      const stopped = await call('server.stopRecording', { server, name: recording });
      return `Stopped: ${stopped.file}, ${figuresText(stopped)}.`;
    });
  return (
    <>
      <h3>Recordings at the server</h3>
      <Allowed right="control">
        <form className="server-add" onSubmit={start}>
          <input
            className="input"
            aria-label="Name of a recording at the server"
            placeholder="Name, if you like"
            value={name}
            maxLength={200}
            onChange={(event) => setName(event.target.value)}
          />
          <select
            className="input"
            aria-label="Format"
            value={format}
            onChange={(event) => setFormat(event.target.value)}
          >
            <option value="">its own format</option>
            {formats.map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </select>
          <button type="submit" className="btn" disabled={busy} title="Everything the server has, into a file there">
            Record all
          </button>
        </form>
      </Allowed>
      {recordings === null && <p className="quiet server-line">The server tells this login of no recordings.</p>}
      {recordings?.length === 0 && <p className="quiet server-line">None runs.</p>}
      {recordings?.map((one) => (
        <p key={one.name} className="server-line" data-testid="server-recording">
          <b className="cut" title={one.file}>
            {one.name}
          </b>
          <span className="quiet num">{figuresText(one)}</span>
          <span className="grow" />
          <Allowed right="control">
            <button type="button" className="btn small" aria-label={`Stop ${one.name}`} onClick={() => stop(one.name)}>
              Stop
            </button>
          </Allowed>
        </p>
      ))}
      {said && (
        <p className="quiet server-line" role="status">
          {said}
        </p>
      )}
      {problem && <Problem error={problem} />}
    </>
  );
}

function figuresText({ durationS, messages, bytes }: ServerRecordingRow): string {
  return [formatElapsed(durationS), `${formatCount(messages)} messages`, formatBytes(bytes)].join(' · ');
}
