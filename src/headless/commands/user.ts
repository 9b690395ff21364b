import { join } from 'node:path';
import { LabError } from '../../core/errors.ts';
import { createSystemClock } from '../../engine/system-clock.ts';
import { openAccessFiles } from '../../hub/access/access-files.ts';
import type { UserView } from '../../hub/access/access-view.ts';
import { checkPassword } from '../../hub/access/password-rule.ts';
import type { NamedRole } from '../../hub/access/role.ts';
import { NAMED_ROLES, parseRole } from '../../hub/access/role.ts';
import type { UserTable } from '../../hub/access/user-table.ts';
import type { Arguments, Command, Shell } from '../command.ts';
import { dataFolderOf } from '../data-folder.ts';
import { EXIT } from '../exit-code.ts';
import { askNewPassword } from '../password-prompt.ts';
import { readStdinLine } from '../stdin-line.ts';
import { isoTimestamp } from '../timestamp.ts';

const ACTIONS = 'add NAME --role ROLE | remove NAME | list | role NAME ROLE | password NAME | mfa-off NAME';

/** Users of the hub, in the data folder; a hub that runs sees each change within a second. */
export const user: Command = {
  name: 'user',
  usage: ACTIONS,
  summary: 'Adds, changes and removes who may log in when the bench is shared.',
  options: {
    role: { type: 'string', value: 'ROLE', about: `of a new user: ${NAMED_ROLES.join(', ')}` },
    'password-stdin': { type: 'boolean', about: 'read the password from the standard input instead of asking for it' },
  },
  positionals: [1, 3],
  async run(args, shell) {
    const folder = join(dataFolderOf(args.text('data')), 'hub');
    const { users } = await openAccessFiles({ folder, clock: createSystemClock(), say: shell.say });
    const [action = '', name = '', role] = args.positionals;
    if (action === 'list') return await list(users, args, shell);
    if (name === '')
      throw new LabError('call.invalid', `labwire user ${action}: a name is missing. It is: ${ACTIONS}.`);
    const done = await change(users, action, name, role ?? args.text('role'), args, shell);
    if (args.flag('json')) await shell.out.json(jsonOf(done));
    else await shell.out.line(`${done.name} ${action === 'remove' ? '(removed)' : done.role}`);
    return EXIT.done;
  },
};

async function change(
  users: UserTable,
  action: string,
  name: string,
  role: string | undefined,
  args: Arguments,
  shell: Shell,
): Promise<UserView> {
  switch (action) {
    case 'add': {
      const wanted = needRole(role);
      // Before somebody types a password in vain.
      users.checkName(name);
      return await users.add(name, wanted, await newPassword(name, args, shell));
    }
    case 'remove':
      return await users.remove(name);
    case 'role':
      return await users.setRole(name, needRole(role));
    case 'password':
      users.get(name);
      return await users.setPassword(name, await newPassword(name, args, shell));
    case 'mfa-off':
      return await users.setMfa(name, null);
    default:
      throw new LabError('call.invalid', `There is no "labwire user ${action}". It is: ${ACTIONS}.`);
  }
}

function needRole(text: string | undefined): NamedRole {
  const role = parseRole(text ?? '');
  if (role) return role;
  const what = text === undefined ? 'The role is missing' : `"${text}" is no role`;
  throw new LabError('call.invalid', `${what}. It is one of ${NAMED_ROLES.join(', ')}.`);
}

/** Never from the arguments: those can be read by everybody on the machine. */
async function newPassword(name: string, args: Arguments, shell: Shell): Promise<string> {
  const isTyped = !args.flag('password-stdin');
  if (isTyped && !process.stdin.isTTY) {
    const text = 'There is no terminal to ask for the password. Give it on the standard input with --password-stdin.';
    throw new LabError('call.invalid', text);
  }
  const terminal = { input: process.stdin, show: (text: string) => void process.stderr.write(text) };
  const password = isTyped ? await askNewPassword(terminal, name) : await readStdinLine('password');
  shell.signal.throwIfAborted();
  checkPassword(name, password);
  return password;
}

async function list(users: UserTable, args: Arguments, { out, say }: Shell): Promise<number> {
  const all = users.list();
  if (args.flag('json')) for (const one of all) await out.json(jsonOf(one));
  else if (all.length === 0) say('There are no users yet. `labwire user add NAME --role admin` adds the first one.');
  else await out.table([['user', 'role', 'one-time code', 'last login'], ...all.map(cellsOf)]);
  return EXIT.done;
}

function jsonOf({ id, name, role, hasMfa, createdMs, lastLoginMs }: UserView) {
  return {
    id,
    name,
    role,
    mfa: hasMfa,
    created: iso(createdMs),
    lastLogin: lastLoginMs === undefined ? null : iso(lastLoginMs),
  };
}

function cellsOf({ name, role, hasMfa, lastLoginMs }: UserView): string[] {
  return [name, role, hasMfa ? 'yes' : 'no', lastLoginMs === undefined ? 'never' : iso(lastLoginMs).slice(0, 19)];
}

function iso(ms: number): string {
  return isoTimestamp(BigInt(Math.round(ms)) * 1_000_000n);
}
