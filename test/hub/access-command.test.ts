import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import type { BuiltFiles } from '../../src/headless/built-files.ts';
import { Arguments } from '../../src/headless/command.ts';
import { token } from '../../src/headless/commands/token.ts';
import { user } from '../../src/headless/commands/user.ts';
import { exitCodeOf } from '../../src/headless/exit-code.ts';
import { createOutput } from '../../src/headless/output.ts';
import { openAccessFiles } from '../../src/hub/access/access-files.ts';
import { openAccess } from '../../src/hub/access/hub-access.ts';
import { bundleProgram } from '../fixtures/node-bundle.ts';
import { CHEAP, PASSWORD } from './access-bench.ts';

let program: string;
let folder: string;
beforeAll(async () => {
  program = await bundleProgram('test/hub/access-program.ts', 'access-program');
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-users-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs one command to its end, with something on its standard input. */
async function run(args: readonly string[], input = ''): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [program, ...args, '--data', folder]);
  const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, stdout: await stdout, stderr: await stderr };
}

/** The same command in this process; for what needs nothing from the standard input. */
async function runHere(args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const stdout = new PassThrough();
  const all = text(stdout);
  let stderr = '';
  const shell = {
    files: {} as BuiltFiles,
    out: createOutput(stdout, () => {}),
    say: (line: string) => {
      stderr += line;
    },
    signal: new AbortController().signal,
  };
  const command = args[0] === 'user' ? user : token;
  let code: unknown;
  try {
    code = await command.run(new Arguments(command, [...args.slice(1), '--data', folder]), shell);
  } catch (thrown) {
    const error = LabError.from(thrown);
    stderr += `${error.code}: ${error.message}`;
    code = exitCodeOf(error.code);
  }
  stdout.end();
  return { code, stdout: await all, stderr };
}

const addAnna = () => run(['user', 'add', 'anna', '--role', 'admin', '--password-stdin'], `${PASSWORD}\n`);

/** Without the cost of a real hash. */
async function addHere(): Promise<void> {
  const options = { folder: join(folder, 'hub'), clock: createSystemClock(), costs: CHEAP, say: () => {} };
  await (await openAccessFiles(options)).users.add('anna', 'admin', PASSWORD);
}

describe('labwire user', () => {
  test('adds, lists, changes and removes', async () => {
    expect(await runHere(['user', 'list'])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringMatching(/no users yet/),
    });
    expect(await addAnna()).toEqual({ code: 0, stdout: 'anna admin\n', stderr: '' });
    await run(['user', 'add', 'ben', '--role', 'viewer', '--password-stdin', '--json'], `${PASSWORD}\r\n`);
    expect((await runHere(['user', 'role', 'ben', 'developer'])).stdout).toBe('ben developer\n');
    expect((await run(['user', 'password', 'ben', '--password-stdin'], 'another four words')).code).toBe(0);
    expect((await runHere(['user', 'list'])).stdout).toBe(
      'user  role       one-time code  last login\nanna  admin      no             never\nben   developer  no             never\n',
    );
    const rows = (await runHere(['user', 'list', '--json'])).stdout.trim().split('\n');
    expect(rows.map((row) => JSON.parse(row))).toMatchObject([
      { name: 'anna', role: 'admin', mfa: false, lastLogin: null },
      { name: 'ben', role: 'developer' },
    ]);
    expect((await runHere(['user', 'remove', 'ben'])).stdout).toBe('ben (removed)\n');
    expect((await runHere(['user', 'list'])).stdout).not.toContain('ben');
    expect(await readFile(join(folder, 'hub', 'users.json'), 'utf8')).not.toContain(PASSWORD);
  });

  test.each([
    [['user', 'add', 'x', '--role', 'boss', '--password-stdin'], undefined, 2, /no role/],
    [['user', 'add', 'x', '--password-stdin'], undefined, 2, /role is missing/],
    [['user', 'add', 'a b', '--role', 'bot', '--password-stdin'], undefined, 2, /no name for a user/],
    [['user', 'add', 'x', '--role', 'bot', '--password-stdin'], 'short', 5, /hub\.weak-password/],
    [['user', 'add', 'x', '--role', 'bot', '--password-stdin'], '', 2, /No password came/],
    [['user', 'add', 'x', '--role', 'bot'], PASSWORD, 2, /no terminal.*--password-stdin/],
    [['user', 'add', 'ANNA', '--role', 'bot', '--password-stdin'], undefined, 5, /hub\.user-known/],
    [['user', 'add'], undefined, 2, /name is missing/],
    [['user', 'remove', 'anna'], undefined, 5, /hub\.last-admin/],
    [['user', 'remove', 'nobody'], undefined, 5, /hub\.user-unknown/],
    [['user', 'password', 'nobody', '--password-stdin'], undefined, 5, /hub\.user-unknown/],
    [['user', 'dance', 'anna'], undefined, 2, /There is no "labwire user dance"/],
    [['user', 'add', 'x', '--password', 'p'], undefined, 2, /Unknown option/],
    [['token', 'add', 'nobody'], undefined, 5, /hub\.user-unknown/],
    [['token', 'add', 'anna', '--role', 'boss'], undefined, 2, /no role/],
    [['token', 'add', 'anna', '--expires', 'soon'], undefined, 2, /no duration/],
    [['token', 'add'], undefined, 2, /user it acts for is missing/],
    [['token', 'remove', '123'], undefined, 5, /hub\.key-unknown/],
  ] as const)('%j is refused and changes nothing', async (args, input, code, said) => {
    await addHere();
    const outcome = input === undefined ? await runHere(args) : await run(args, input);
    expect(outcome).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(said) });
    expect((await runHere(['user', 'list'])).stdout.split('\n')).toHaveLength(3);
  });

  const hasSocat = spawnSync('socat', ['-V']).status === 0;
  describe.skipIf(!hasSocat)('at a terminal', () => {
    /** Answers each question in turn; gives all that was shown. */
    async function converse(args: readonly string[], answers: readonly [RegExp, string][]): Promise<string> {
      const command = [process.execPath, program, ...args, '--data', folder].join(' ');
      // A terminal that shows what is typed, unless it is told not to.
      const child = spawn('socat', ['-', `EXEC:"${command}",pty,setsid,ctty,stderr,echo=1`]);
      let shown = '';
      let next = 0;
      child.stdout.on('data', (data) => {
        shown += String(data);
        const answer = answers[next];
        if (!answer?.[0].test(shown)) return;
        next++;
        child.stdin.write(answer[1]);
      });
      await once(child, 'close');
      return shown;
    }

    test('the password is asked for twice and never shown', async () => {
      const shown = await converse(
        ['user', 'add', 'anna', '--role', 'admin'],
        [
          [/New password of anna: $/, `wrong\u0015${PASSWORD}s\u007f\u001b[D\r`],
          [/Once more: $/, `${PASSWORD}\r`],
        ],
      );
      expect(shown.replaceAll('\r', '')).toBe('New password of anna: \nOnce more: \nanna admin\n');
      const reach = () => ({ host: '127.0.0.1', anonymous: false });
      await using access = await openAccess({
        folder: join(folder, 'hub'),
        clock: createSystemClock(),
        say: () => {},
        reach,
      });
      const login = await access.login({ username: 'anna', password: PASSWORD }, { address: '::1' });
      expect(login.user.role).toBe('admin');
    });

    test('two that differ, and Ctrl-C: nothing is changed', async () => {
      const differ = await converse(
        ['user', 'add', 'anna', '--role', 'admin'],
        [
          [/anna: $/, `${PASSWORD}\r`],
          [/more: $/, `${PASSWORD}!\r`],
        ],
      );
      expect(differ).toMatch(/The two are not the same/);
      const stopped = await converse(['user', 'add', 'anna', '--role', 'admin'], [[/anna: $/, 'abc\u0003']]);
      expect(stopped).toMatch(/call\.cancelled/);
      expect((await runHere(['user', 'list'])).stderr).toMatch(/no users yet/);
    });
  });
});

describe('labwire token', () => {
  test('makes a key, shown once; lists and revokes it', async () => {
    await addHere();
    expect(await runHere(['token', 'list'])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringMatching(/no API keys/),
    });
    const made = await runHere([
      'token',
      'add',
      'anna',
      '--label',
      'night logger',
      '--role',
      'bot',
      '--expires',
      '90d',
    ]);
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^lw_[\w-]{43}\n$/) });
    const other = JSON.parse((await runHere(['token', 'add', 'anna', '--json'])).stdout);
    expect(other).toMatchObject({ user: 'anna', role: 'admin', expires: null, token: expect.stringMatching(/^lw_/) });
    const listed = (await runHere(['token', 'list', '--json'])).stdout;
    const rows = listed
      .trim()
      .split('\n')
      .map((row) => JSON.parse(row));
    expect(rows).toMatchObject([
      { user: 'anna', role: 'bot', label: 'night logger', lastUsed: null },
      { role: 'admin' },
    ]);
    expect(Date.parse(rows[0].expires) - Date.parse(rows[0].created)).toBe(90 * 86_400_000);
    expect(listed + (await runHere(['token', 'list'])).stdout).not.toContain('lw_');
    expect((await runHere(['token', 'remove', other.id])).stdout).toBe(`${other.id} (removed)\n`);
    expect((await runHere(['token', 'list', '--json'])).stdout.trim().split('\n')).toHaveLength(1);
  });
});
