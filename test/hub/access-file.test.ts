import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Clock, ManualClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { inTurn } from '../../src/hub/access/file-turn.ts';
import { KeptFile } from '../../src/hub/access/kept-file.ts';
import { bundleProgram } from '../fixtures/node-bundle.ts';
import { AccessBench, DESK, PASSWORD } from './access-bench.ts';

interface Names {
  version: 1;
  names: string[];
}
const schema = z.object({ version: z.literal(1), names: z.array(z.string()) });
const EMPTY: Names = { version: 1, names: [] };

let folder: string;
let said: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-kept-'));
  said = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const path = (): string => join(folder, 'hub', 'names.json');
const open = (clock = createSystemClock()): Promise<KeptFile<Names>> =>
  KeptFile.open({ path: path(), schema, empty: EMPTY, clock, say: (text) => void said.push(text) });
const add = (file: KeptFile<Names>, name: string): Promise<number> =>
  file.change((value) => [{ ...value, names: [...value.names, name] }, value.names.length + 1]);

describe('a kept file', () => {
  test('is not there before something is kept, then is the owner’s alone', async () => {
    const file = await open();
    expect(await readdir(join(folder, 'hub'))).toEqual([]);
    expect(await add(file, 'a')).toBe(1);
    expect(await readdir(join(folder, 'hub'))).toEqual(['names.json']);
    expect((await open()).value).toEqual({ version: 1, names: ['a'] });
    if (process.platform !== 'win32') expect((await stat(path())).mode & 0o777).toBe(0o600);
  });

  test('changed by several at once loses nothing', async () => {
    const files = await Promise.all([open(), open(), open()]);
    await Promise.all(Array.from({ length: 60 }, (_, count) => add(files[count % 3]!, `n${count}`)));
    const names = (await open()).value.names;
    expect(names.toSorted()).toEqual(Array.from({ length: 60 }, (_, count) => `n${count}`).toSorted());
    expect(await readdir(join(folder, 'hub'))).toEqual(['names.json']);
  });

  test('tells what changed, by whomever, and nothing when nothing did', async () => {
    const [one, other] = [await open(), await open()];
    const told: string[] = [];
    one.onChange((now, before) => void told.push(`${before.names} > ${now.names}`));
    await add(one, 'a');
    await add(other, 'b');
    expect(one.value.names).toEqual(['a']);
    await one.refresh();
    await one.refresh();
    await one.change((value) => [value, undefined]);
    expect(told).toEqual([' > a', 'a > a,b']);
  });

  test('an edit that throws changes nothing', async () => {
    const file = await open();
    await add(file, 'a');
    const failing = file.change(() => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect([file.value.names, (await open()).value.names]).toEqual([['a'], ['a']]);
    expect(await add(file, 'b')).toBe(2);
  });

  test.each([
    ['cut', (text: string) => text.slice(0, -5)],
    ['empty', () => ''],
    ['zeros', (text: string) => '\0'.repeat(text.length)],
    ['of another shape', () => '{"version":1,"names":[1]}'],
    ['no object', () => '[]'],
    ['without a version', () => '{"names":["x"]}'],
  ])('damaged (%s) at the start: set aside and said, then empty', async (_, damage) => {
    await add(await open(), 'a');
    const text = damage(await readFile(path(), 'utf8'));
    await writeFile(path(), text);
    const file = await open();
    expect(file.value).toEqual(EMPTY);
    expect(said).toEqual([expect.stringMatching(/damaged.*nobody it named can come in/)]);
    const [aside = ''] = await readdir(join(folder, 'hub'));
    expect(aside).toMatch(/^names\.json\.damaged-\d+$/);
    expect(await readFile(join(folder, 'hub', aside), 'utf8')).toBe(text);
    expect(await add(file, 'b')).toBe(1);
  });

  test('damaged while it is in use: what was in force stays, and is written again', async () => {
    const file = await open();
    await add(file, 'a');
    await writeFile(path(), '{"version":1,"names":[');
    await file.refresh();
    expect(file.value.names).toEqual(['a']);
    expect(said).toEqual([expect.stringMatching(/damaged.*in force/)]);
    expect((await open()).value.names).toEqual(['a']);
    expect(await readdir(join(folder, 'hub'))).toHaveLength(2);
  });

  test('of a newer Labwire: not touched; said at the start, and once while in use', async () => {
    const file = await open();
    await add(file, 'a');
    const newer = '{"version":2,"people":["x"]}';
    await writeFile(path(), newer);
    await file.refresh();
    await file.refresh();
    expect(said).toEqual([expect.stringMatching(/newer Labwire/)]);
    expect(file.value.names).toEqual(['a']);
    await expect(add(file, 'b')).rejects.toMatchObject({ code: 'hub.storage' });
    await expect(open()).rejects.toMatchObject({ code: 'hub.storage', message: expect.stringMatching(/newer/) });
    expect(await readFile(path(), 'utf8')).toBe(newer);
  });

  test('removed while it is in use: empty', async () => {
    const file = await open();
    await add(file, 'a');
    await rm(path());
    await file.refresh();
    expect(file.value).toEqual(EMPTY);
  });

  test('a folder that cannot be made says so', async () => {
    await writeFile(join(folder, 'hub'), 'a file');
    await expect(open()).rejects.toMatchObject({ code: 'hub.storage' });
  });

  test.skipIf(process.platform === 'win32')('that others could read is closed to them, and said', async () => {
    await add(await open(), 'a');
    await chmod(path(), 0o644);
    expect((await open()).value.names).toEqual(['a']);
    expect((await stat(path())).mode & 0o777).toBe(0o600);
    expect(said).toEqual([expect.stringMatching(/could be read by other users/)]);
  });

  test.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
    'that cannot be written: nothing changes',
    async () => {
      const file = await open();
      await add(file, 'a');
      await chmod(join(folder, 'hub'), 0o500);
      await expect(add(file, 'b')).rejects.toMatchObject({ code: 'hub.storage' });
      await chmod(join(folder, 'hub'), 0o700);
      expect(file.value.names).toEqual(['a']);
    },
  );
});

describe('turns', () => {
  const lock = (): string => join(folder, 'lock');
  const take = (clock: Clock): Promise<string> => inTurn(lock(), clock, async () => readFile(lock(), 'utf8'));

  test('of one process follow each other; a throw ends only its own', async () => {
    const order: string[] = [];
    const turn = (name: string) =>
      inTurn(lock(), createSystemClock(), async () => {
        order.push(`${name} in`);
        await Promise.resolve();
        order.push(`${name} out`);
        if (name === 'b') throw new Error(name);
        return name;
      });
    const results = await Promise.allSettled(['a', 'b', 'c'].map(turn));
    expect(order).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await readdir(folder)).toEqual([]);
  });

  test.each([
    ['of a process that has ended', { pid: 999_999_999, host: hostname(), nonce: 'x' }],
    ['of one before us with our number', { pid: process.pid, host: hostname(), nonce: 'x' }],
  ])('a lock %s is taken over', async (_, holder) => {
    await writeFile(lock(), JSON.stringify(holder));
    // On a clock that stands still: at once, not when the lock has grown old.
    expect(JSON.parse(await take(new ManualClock()))).toMatchObject({ pid: process.pid });
    expect(await readdir(folder)).toEqual([]);
  });

  test('a lock of another machine is taken over when it is old, and waited for while it is young', async () => {
    await writeFile(lock(), JSON.stringify({ pid: 1, host: 'another', nonce: 'x' }));
    const clock = new ManualClock();
    let isIn = false;
    const turn = inTurn(lock(), clock, async () => {
      isIn = true;
    });
    while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(isIn).toBe(false);
    const long = new Date(Date.now() - 60_000);
    await utimes(lock(), long, long);
    await clock.advance(20);
    await turn;
    expect(isIn).toBe(true);
  });

  test('one of a process that works is waited for, at last in vain, with words what to do', async () => {
    await writeFile(lock(), JSON.stringify({ pid: process.ppid, host: hostname(), nonce: 'x' }));
    const clock = new ManualClock();
    const turn = inTurn(lock(), clock, async () => undefined).catch((error) => error);
    let error: unknown;
    void turn.then((thrown) => {
      error = thrown;
    });
    while (error === undefined) {
      // Kept young, however slow this machine is.
      await utimes(lock(), new Date(), new Date());
      if (clock.pending > 0) await clock.advance(20);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(error).toMatchObject({ code: 'hub.storage', message: expect.stringMatching(/remove that file/) });
  });

  test('of processes exclude each other', async () => {
    await writeFile(join(folder, 'count'), '0');
    const program = await bundleProgram('test/hub/counting-program.ts', 'counting-program');
    const run = async (): Promise<[unknown, string]> => {
      const child = spawn(process.execPath, [program, folder]);
      let complaints = '';
      child.stderr.on('data', (chunk) => {
        complaints += String(chunk);
      });
      const [code] = await once(child, 'close');
      return [code, complaints];
    };
    const ends = await Promise.all([run(), run(), run()]);
    expect(ends.map(([code, complaints]) => `${code} ${complaints}`)).toEqual(['0 ', '0 ', '0 ']);
    expect(await readFile(join(folder, 'count'), 'utf8')).toBe('60');
  });
});

describe('files of the hub', () => {
  test('a damaged users.json while the hub runs ends nobody; at a start nobody comes in', async () => {
    await using bench = await AccessBench.create();
    let access = await bench.open();
    await access.users.add('anna', 'admin', PASSWORD);
    const login = () => access.login({ username: 'anna', password: PASSWORD }, DESK);
    const { access: token } = await login();
    await writeFile(join(bench.folder, 'users.json'), 'garbage');
    expect((await login()).user.name).toBe('anna');
    expect((await access.authenticate(token, DESK)).name).toBe('anna');
    expect(bench.said).toEqual([expect.stringMatching(/users\.json is damaged/)]);
    await access[Symbol.asyncDispose]();
    await writeFile(join(bench.folder, 'users.json'), 'garbage');
    access = await bench.open();
    await expect(login()).rejects.toMatchObject({ code: 'hub.unauthenticated' });
    await expect(access.authenticate(token, DESK)).rejects.toMatchObject({ code: 'hub.expired' });
  });

  test('a damaged or removed secret is made anew: every login is over, users and keys are not', async () => {
    await using bench = await AccessBench.create();
    let access = await bench.open();
    await access.users.add('anna', 'admin', PASSWORD);
    const login = () => access.login({ username: 'anna', password: PASSWORD }, DESK);
    const { secret } = await access.keys.add('anna', { label: '' });
    for (const damage of ['{"version":1}', undefined]) {
      const { access: token } = await login();
      await access[Symbol.asyncDispose]();
      if (damage === undefined) await rm(join(bench.folder, 'secret'));
      else await writeFile(join(bench.folder, 'secret'), damage);
      access = await bench.open();
      await expect(access.authenticate(token, DESK)).rejects.toMatchObject({ code: 'hub.unauthenticated' });
      expect((await login()).user.name).toBe('anna');
      expect((await access.authenticate(secret, DESK)).name).toBe('anna');
    }
  });

  test('seeded damage of every file: the hub starts, and nobody comes in who should not', async () => {
    const random = seededRandom(21);
    await using bench = await AccessBench.create();
    const first = await bench.open();
    await first.users.add('anna', 'admin', PASSWORD);
    await first.keys.add('anna', { label: 'x' });
    await first.login({ username: 'anna', password: PASSWORD }, DESK);
    await first[Symbol.asyncDispose]();
    const names = await readdir(bench.folder);
    const whole = new Map(
      await Promise.all(names.map(async (name) => [name, await readFile(join(bench.folder, name))] as const)),
    );
    for (let round = 0; round < 40; round++) {
      await rm(bench.folder, { recursive: true });
      await mkdir(bench.folder);
      for (const [name, bytes] of whole) {
        const damaged = Buffer.from(bytes);
        for (let count = random.below(4); count > 0; count--) damaged[random.below(damaged.length)] = random.below(256);
        await writeFile(
          join(bench.folder, name),
          damaged.subarray(0, random.below(8) === 0 ? random.below(damaged.length) : undefined),
        );
      }
      const access = await bench.open().catch((error) => {
        // The damage made it one of a newer Labwire.
        expect(error).toMatchObject({ code: 'hub.storage', message: expect.stringMatching(/newer/) });
      });
      if (!access) continue;
      const wrong = access.login({ username: 'anna', password: 'not the password' }, DESK);
      await expect(wrong).rejects.toMatchObject({ code: 'hub.unauthenticated' });
      await access[Symbol.asyncDispose]();
    }
  });
});
