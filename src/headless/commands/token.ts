import { join } from 'node:path';
import { LabError } from '../../core/errors.ts';
import { createSystemClock } from '../../engine/system-clock.ts';
import { openAccessFiles } from '../../hub/access/access-files.ts';
import type { KeyView } from '../../hub/access/access-view.ts';
import type { KeyTable } from '../../hub/access/key-table.ts';
import type { NamedRole } from '../../hub/access/role.ts';
import { NAMED_ROLES, parseRole } from '../../hub/access/role.ts';
import type { Arguments, Command, Shell } from '../command.ts';
import { dataFolderOf } from '../data-folder.ts';
import { EXIT } from '../exit-code.ts';
import { isoTimestamp } from '../timestamp.ts';

const ACTIONS = 'add USER [--label TEXT] [--role ROLE] [--expires 90d] | remove ID | list';

/** API keys of the hub, in the data folder; a hub that runs sees each change within a second. */
export const token: Command = {
  name: 'token',
  usage: ACTIONS,
  summary: 'Makes and revokes API keys for programs that use a shared bench.',
  options: {
    label: { type: 'string', value: 'TEXT', about: 'what it is for' },
    role: {
      type: 'string',
      value: 'ROLE',
      about: `what it may at most: ${NAMED_ROLES.join(', ')}; never more than its user (default: what the user may)`,
    },
    expires: { type: 'string', value: 'TIME', about: 'how long it is good (default: until it is removed)' },
  },
  positionals: [1, 2],
  async run(args, shell) {
    const folder = join(dataFolderOf(args.text('data')), 'hub');
    const { keys } = await openAccessFiles({ folder, clock: createSystemClock(), say: shell.say });
    const [action = '', name = ''] = args.positionals;
    if (action === 'list') return await list(keys, args, shell);
    if (action !== 'add' && action !== 'remove')
      throw new LabError('call.invalid', `There is no "labwire token ${action}". It is: ${ACTIONS}.`);
    if (name === '') {
      const what = action === 'add' ? 'the user it acts for' : 'its id';
      throw new LabError('call.invalid', `labwire token ${action}: ${what} is missing. It is: ${ACTIONS}.`);
    }
    if (action === 'add') return await add(keys, name, args, shell);
    await keys.remove(name);
    if (args.flag('json')) await shell.out.json({ id: name, removed: true });
    else await shell.out.line(`${name} (removed)`);
    return EXIT.done;
  },
};

async function add(keys: KeyTable, user: string, args: Arguments, { out, say }: Shell): Promise<number> {
  const role = roleOf(args.text('role'));
  const ttlMs = args.durationMs('expires') ?? null;
  if (ttlMs === 0) throw new LabError('call.invalid', '--expires is 0: the key would be over at once.');
  const { key, secret } = await keys.add(user, { label: args.text('label') ?? '', role, ttlMs });
  if (args.flag('json')) {
    await out.json({ ...jsonOf(key), token: secret });
    return EXIT.done;
  }
  say(`The key ${key.id} of ${key.user} follows. It is shown this once; keep it where the program finds it.`);
  await out.line(secret);
  return EXIT.done;
}

function roleOf(text: string | undefined): NamedRole | null {
  if (text === undefined) return null;
  const role = parseRole(text);
  if (role) return role;
  throw new LabError('call.invalid', `"${text}" is no role. It is one of ${NAMED_ROLES.join(', ')}.`);
}

async function list(keys: KeyTable, args: Arguments, { out, say }: Shell): Promise<number> {
  const all = keys.list();
  if (args.flag('json')) for (const one of all) await out.json(jsonOf(one));
  else if (all.length === 0) say('There are no API keys. `labwire token add USER` makes one.');
  else await out.table([['id', 'user', 'role', 'expires', 'last used', 'label'], ...all.map(cellsOf)]);
  return EXIT.done;
}

function jsonOf({ id, user, role, label, createdMs, expiresMs, usedMs }: KeyView) {
  return { id, user, role, label, created: iso(createdMs), expires: iso(expiresMs), lastUsed: iso(usedMs) };
}

function cellsOf({ id, user, role, label, expiresMs, usedMs }: KeyView): string[] {
  const [expires, used] = [iso(expiresMs)?.slice(0, 19), iso(usedMs)?.slice(0, 19)];
  return [id, user, role, expires ?? 'never', used ?? 'never', label];
}

function iso(ms: number | undefined): string | null {
  return ms === undefined ? null : isoTimestamp(BigInt(Math.round(ms)) * 1_000_000n);
}
