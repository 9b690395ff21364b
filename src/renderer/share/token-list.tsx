import { type ReactElement, useRef } from 'react';
import type { ShareToken, ShareUser } from '../../contract/share-schema.ts';
import type { LabError } from '../../core/errors.ts';
import { CopyButton } from '../attach/copy-button.tsx';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';
import { useAttempt } from '../servers/attempt.ts';
import { SureButton } from '../servers/sure-button.tsx';
import { formatDate, msOf } from '../text-format.ts';
import { AddToken } from './add-token.tsx';

/** Tokens for programs: each acts for a user, and its text is told once. */
export function TokenList(props: {
  users: readonly ShareUser[];
  tokens: readonly ShareToken[] | undefined;
  problem: LabError | undefined;
  /** Of the one just made. */
  secret: string | undefined;
  onSecret: (secret: string | undefined) => void;
  onChanged: () => Promise<void>;
}): ReactElement {
  const { users, tokens, secret, onSecret, onChanged } = props;
  const label = useRef<HTMLInputElement>(null);
  const { problem, attempt } = useAttempt();
  const remove = (token: string): void =>
    void attempt(async () => {
      await call('share.removeToken', { token });
      label.current?.focus();
      await onChanged();
    });
  const done = (): void => {
    onSecret(undefined);
    label.current?.focus();
  };
  const wrong = problem ?? props.problem;
  return (
    <section aria-label="API tokens" className="share-tokens">
      <h3>API tokens</h3>
      <p className="quiet share-hint">For programs, in place of user and password. A token has the role of its user.</p>
      <AddToken users={users} labelRef={label} onSecret={onSecret} onAdded={onChanged} />
      {secret && (
        <div className="share-secret" role="status">
          <p>This is told once. Copy it now; who has it comes in.</p>
          <code className="num selectable" data-testid="token-secret">
            {secret}
          </code>
          <CopyButton text={secret} what="Token" />
          <button type="button" className="btn small" onClick={done}>
            Done
          </button>
        </div>
      )}
      {wrong && <Problem error={wrong} />}
      {tokens && tokens.length > 0 && (
        <table className="table share-table" aria-label="API tokens">
          <thead>
            <tr>
              <th>Token</th>
              <th>User</th>
              <th>Good until</th>
              <th>Last used</th>
              <th>
                <span className="sr-only">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {tokens.map((token) => (
              <tr key={token.id}>
                <td className="cut" title={token.label || token.id}>
                  {token.label || token.id}
                </td>
                <td className="cut" title={token.user}>
                  {token.user}
                </td>
                <td className="num quiet">
                  {token.expiresNs === null ? 'it is removed' : formatDate(msOf(token.expiresNs))}
                </td>
                <td className="num quiet">{token.usedNs === null ? 'never' : formatDate(msOf(token.usedNs))}</td>
                <td className="actions">
                  <SureButton
                    small
                    label="Remove…"
                    about={`token ${token.label || token.id}`}
                    sure="Remove, and end its connections"
                    title="Whoever uses it is out at once"
                    onSure={() => remove(token.id)}
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
