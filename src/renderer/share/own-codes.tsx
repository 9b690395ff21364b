import { type FormEvent, type ReactElement, useEffect, useState } from 'react';
import { CopyButton } from '../attach/copy-button.tsx';
import { Problem } from '../control/problem.tsx';
import { useAttempt } from '../servers/attempt.ts';
import { beginCodes, type CodeSetup, confirmCodes, endCodes, wantsCode } from './own-login.ts';
import { QrCode } from './qr-code.tsx';

/** One-time codes of the own login: set up with a code for the telephone, switched off with the password. */
export function OwnCodes(): ReactElement {
  const [isOn, setIsOn] = useState<boolean>();
  const [setup, setSetup] = useState<CodeSetup>();
  const { busy, problem, attempt } = useAttempt();
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked once, when it is opened
  useEffect(() => {
    void attempt(async () => setIsOn(await wantsCode()));
  }, []);
  return (
    <section aria-label="One-time codes">
      <h3>One-time codes</h3>
      {isOn === false && !setup && (
        <p>
          <span className="quiet">Off: the password alone lets you in. </span>
          <button
            type="button"
            className="btn"
            disabled={busy}
            onClick={() => void attempt(async () => setSetup(await beginCodes()))}
          >
            Set up…
          </button>
        </p>
      )}
      {setup && (
        <CodeSteps
          setup={setup}
          onDone={() => {
            setSetup(undefined);
            setIsOn(true);
          }}
          onCancel={() => setSetup(undefined)}
        />
      )}
      {isOn && <CodesOff onDone={() => setIsOn(false)} />}
      {problem && <Problem error={problem} />}
    </section>
  );
}

function CodeSteps(props: { setup: CodeSetup; onDone: () => void; onCancel: () => void }): ReactElement {
  const { setup, onDone, onCancel } = props;
  const [code, setCode] = useState('');
  const { busy, problem, attempt } = useAttempt();
  const confirm = (event: FormEvent): void => {
    event.preventDefault();
    if (busy || code.trim() === '') return;
    void attempt(async () => {
      await confirmCodes(code.trim());
      onDone();
    });
  };
  return (
    <>
      <div className="share-addresses">
        <QrCode text={setup.uri} label="QR code for an app for one-time codes" />
        <div>
          <p>1. Read the code with an app for one-time codes, or type this into it:</p>
          <code className="num selectable" data-testid="code-secret">
            {setup.secret}
          </code>
          <p>2. Keep these; each opens the login once, without the telephone. They are told now alone.</p>
          <code className="num selectable own-backup" data-testid="backup-codes">
            {setup.backupCodes.join(' ')}
          </code>{' '}
          <CopyButton text={setup.backupCodes.join('\n')} what="Backup codes" label="Copy the backup codes" />
        </div>
      </div>
      <form className="server-add" aria-label="Confirm one-time codes" onSubmit={confirm}>
        <input
          className="input num"
          aria-label="Code the app shows"
          placeholder="3. The code the app shows"
          inputMode="numeric"
          autoComplete="one-time-code"
          maxLength={50}
          value={code}
          onChange={(event) => setCode(event.target.value)}
        />
        <button type="submit" className="btn primary" disabled={busy || code.trim() === ''}>
          {busy ? 'Checking…' : 'Switch on'}
        </button>
        <button type="button" className="btn" onClick={onCancel}>
          Cancel
        </button>
      </form>
      {problem && <Problem error={problem} />}
    </>
  );
}

function CodesOff({ onDone }: { onDone: () => void }): ReactElement {
  const [password, setPassword] = useState('');
  const { busy, problem, attempt } = useAttempt();
  const end = (event: FormEvent): void => {
    event.preventDefault();
    if (busy || password === '') return;
    void attempt(async () => {
      await endCodes(password);
      onDone();
    });
  };
  return (
    <>
      <p className="quiet">On: the login wants a code beside the password.</p>
      <form className="server-add" aria-label="Switch one-time codes off" onSubmit={end}>
        <input
          className="input"
          type="password"
          aria-label="Password, to switch them off"
          placeholder="Password, to switch them off"
          autoComplete="current-password"
          maxLength={1000}
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        <button type="submit" className="btn" disabled={busy || password === ''}>
          {busy ? 'Switching off…' : 'Switch off'}
        </button>
      </form>
      {problem && <Problem error={problem} />}
    </>
  );
}
