import { type ReactElement, useRef } from 'react';
import type { ShareState } from '../../contract/share-schema.ts';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';
import { AddUser } from './add-user.tsx';
import { useShareList } from './share-list.ts';
import { TokenList } from './token-list.tsx';
import { UserRow } from './user-row.tsx';

const askUsers = async () => (await call('share.users', {})).users;
const askTokens = async () => (await call('share.tokens', {})).tokens;

/** Who may come in: people with a password, programs with a token. The hub keeps both, so it must run. */
export function UserView(props: {
  share: ShareState;
  /** Nothing can be changed now; what is known stays. */
  isLocked: boolean;
  mayManage: boolean;
  /** Of a token just made. */
  secret: string | undefined;
  onSecret: (secret: string | undefined) => void;
}): ReactElement {
  const { share, isLocked, mayManage, secret, onSecret } = props;
  const isAsked = share.state === 'on' && !isLocked;
  // A login is a connection first; both may change what stands here.
  const mark = `${share.users} ${share.connections.map(({ id }) => id).join(' ')}`;
  const users = useShareList(askUsers, isAsked, mark);
  const tokens = useShareList(askTokens, isAsked, mark);
  const name = useRef<HTMLInputElement>(null);
  if (!mayManage) return <p className="quiet">Users and tokens are shown to who may manage the bench.</p>;
  if (share.state !== 'on')
    return <p className="quiet">Users and tokens are kept by the hub. Switch sharing on, and add who may come in.</p>;
  const reload = async (): Promise<void> => {
    await Promise.all([users.reload(), tokens.reload()]);
  };
  return (
    <fieldset className="share-panel" disabled={isLocked} aria-label="Users and tokens">
      <AddUser nameRef={name} isFirst={users.rows?.length === 0} onAdded={users.reload} />
      {users.problem && <Problem error={users.problem} />}
      {users.rows && users.rows.length > 0 && (
        <table className="table share-table" aria-label="Users">
          <thead>
            <tr>
              <th>User</th>
              <th>Role</th>
              <th>Last login</th>
              <th>
                <span className="sr-only">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {users.rows.map((user) => (
              <UserRow
                key={user.user}
                user={user}
                onChanged={reload}
                // The button that removed it is gone with it: the focus stays in the dialog.
                onRemoved={() => name.current?.focus()}
              />
            ))}
          </tbody>
        </table>
      )}
      <TokenList
        users={users.rows ?? []}
        tokens={tokens.rows}
        problem={tokens.problem}
        secret={secret}
        onSecret={onSecret}
        onChanged={tokens.reload}
      />
    </fieldset>
  );
}
