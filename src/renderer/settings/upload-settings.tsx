import { type FormEvent, type ReactElement, useState } from 'react';
import type { UploadState, UploadTarget } from '../../contract/upload-schema.ts';
import { act } from '../actions.ts';
import { benchStore } from '../engine-link.ts';
import { useStore } from '../store.ts';
import { Row } from './setting-row.tsx';

const LINK_WORDS: Record<UploadState['link'], string> = {
  off: '',
  unknown: 'looking for it …',
  reachable: '✓ can be reached',
  unreachable: 'cannot be reached',
  'needs-password': 'takes no such user and password',
};

/** Where finished recordings go. */
export function UploadSettings(): ReactElement {
  const upload = useStore(benchStore, (bench) => bench?.upload);
  const target = upload?.target;
  const [url, setUrl] = useState(target?.url ?? '');
  const [user, setUser] = useState(target?.user ?? '');
  const [password, setPassword] = useState('');
  const [when, setWhen] = useState<UploadTarget['when']>(target?.when ?? 'offline');
  const [problem, setProblem] = useState('');
  const save = (event: FormEvent): void => {
    event.preventDefault();
    if (url.trim() !== '' && !isWebAddress(url.trim())) {
      setProblem(
        'That is no address. It begins with http:// or https://, then server and folder; empty for no server.',
      );
      return;
    }
    void act('upload.setTarget', {
      target: url.trim() === '' ? null : { url: url.trim(), user: user.trim(), when },
      ...(password === '' ? {} : { password }),
    });
    setPassword('');
  };
  return (
    <Row
      title="Server for recordings"
      hint="A WebDAV folder. Each part is read back and compared; the password goes to the keychain of the system, where there is one."
    >
      <form className="upload-form" onSubmit={save}>
        <input
          className="input num wide"
          aria-label="Address of the folder"
          placeholder="https://nas/recordings/"
          value={url}
          aria-invalid={problem !== ''}
          onChange={(event) => {
            setUrl(event.target.value);
            setProblem('');
          }}
        />
        <input
          className="input"
          aria-label="User"
          placeholder="User"
          value={user}
          onChange={(event) => setUser(event.target.value)}
        />
        <input
          className="input"
          type="password"
          aria-label="Password"
          placeholder="Password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        <select
          className="input"
          aria-label="What is sent"
          value={when}
          onChange={(event) => setWhen(event.target.value as UploadTarget['when'])}
        >
          <option value="manual">What I choose</option>
          <option value="offline">What was made while it was away</option>
          <option value="all">Everything</option>
        </select>
        <button type="submit" className="btn">
          Save
        </button>
        <span className={upload?.link === 'reachable' ? 'tone-ok' : 'quiet'} role="status">
          {upload ? LINK_WORDS[upload.link] : ''}
        </span>
        {problem && (
          <p className="wrong wide" role="alert">
            {problem}
          </p>
        )}
      </form>
    </Row>
  );
}

function isWebAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
