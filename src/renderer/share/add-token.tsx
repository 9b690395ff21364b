import { type FormEvent, type ReactElement, type RefObject, useState } from 'react';
import type { ShareUser } from '../../contract/share-schema.ts';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';
import { useAttempt } from '../servers/attempt.ts';

const DAY_S = 86_400;
const LASTING = [
  { ttlS: '', word: 'Until it is removed' },
  { ttlS: String(DAY_S), word: 'One day' },
  { ttlS: String(30 * DAY_S), word: '30 days' },
  { ttlS: String(365 * DAY_S), word: 'One year' },
];

/** A new token: whose, what for, how long. */
export function AddToken(props: {
  users: readonly ShareUser[];
  labelRef: RefObject<HTMLInputElement | null>;
  onSecret: (secret: string) => void;
  onAdded: () => Promise<void>;
}): ReactElement {
  const { users, labelRef, onSecret, onAdded } = props;
  const [chosen, setChosen] = useState('');
  const [label, setLabel] = useState('');
  const [ttlS, setTtlS] = useState('');
  const { busy, problem, attempt } = useAttempt();
  const user = users.find((one) => one.user === chosen)?.user ?? users[0]?.user;
  const add = (event: FormEvent): void => {
    event.preventDefault();
    if (busy || user === undefined) return;
    void attempt(async () => {
      const { secret } = await call('share.addToken', {
        user,
        label: label.trim(),
        ttlS: ttlS === '' ? null : Number(ttlS),
      });
      setLabel('');
      onSecret(secret);
      await onAdded();
    });
  };
  return (
    <>
      <form className="server-add" aria-label="Add a token" onSubmit={add}>
        <input
          ref={labelRef}
          className="input"
          aria-label="What the token is for"
          placeholder="What for"
          maxLength={200}
          value={label}
          onChange={(event) => setLabel(event.target.value)}
        />
        <select
          className="input"
          aria-label="User of the token"
          value={user ?? ''}
          disabled={user === undefined}
          onChange={(event) => setChosen(event.target.value)}
        >
          {users.map((one) => (
            <option key={one.user} value={one.user}>
              {one.user} ({one.role})
            </option>
          ))}
        </select>
        <select
          className="input"
          aria-label="How long the token is good"
          value={ttlS}
          onChange={(event) => setTtlS(event.target.value)}
        >
          {LASTING.map((one) => (
            <option key={one.ttlS} value={one.ttlS}>
              {one.word}
            </option>
          ))}
        </select>
        <button
          type="submit"
          className="btn"
          disabled={busy || user === undefined}
          title={user === undefined ? 'A token acts for a user: add one first' : undefined}
        >
          {busy ? 'Making…' : 'Make a token'}
        </button>
      </form>
      {problem && <Problem error={problem} />}
    </>
  );
}
