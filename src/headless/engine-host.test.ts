import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RestartLimit } from '../core/restart-limit.ts';
import { EngineHost, type EngineHostOptions } from './engine-host.ts';
import { NodeServices } from './node-services.ts';

// A real child process each, in place of the engine: a few lines that say and do what the test is about. The engine itself: test/cli.

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-engine-host-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** `script` runs in the child, with `say(message)` and `hear(kind, listener)`. */
async function create(
  script: string,
  options: Partial<EngineHostOptions> = {},
  head = '',
): Promise<{ host: EngineHost; said: string[] }> {
  const entry = join(folder, `child-${++count}.mjs`);
  await writeFile(
    entry,
    `${head}
     const say = (message) => process.send(message);
     const hear = (kind, listener) => process.on('message', (message) => message.kind === kind && listener(message));
     process.on('disconnect', () => process.exit(0));
     ${script}`,
  );
  const said: string[] = [];
  const services = new NodeServices(undefined);
  const say = (text: string): void => void said.push(text);
  return {
    host: new EngineHost({
      entry,
      hub: join(folder, 'hub.mjs'),
      dataFolder: folder,
      version: '0',
      port: 0,
      services,
      say,
      ...options,
    }),
    said,
  };
}

const never = new AbortController().signal;
const READY = `hear('open', ({ port }) => say({ kind: 'ready', url: 'http://127.0.0.1:' + (port || 4711) + '/' }));`;

test('keeps port and token over a restart, and gives up after too many', async () => {
  const { host, said } = await create(
    `hear('open', ({ port }) => {
       say({ kind: 'ready', url: 'http://127.0.0.1:' + (port || 4711) + '/' });
       if (port) process.exit(7); else setTimeout(() => process.kill(process.pid, 'SIGKILL'), 20);
     });`,
    { restarts: new RestartLimit({ limit: 2 }) },
  );
  await host.start(never);
  const { pageUrl } = host;
  expect(pageUrl).toMatch(/^http:\/\/127\.0\.0\.1:4711\/#token=[\w-]{43}$/);
  await expect(host.ended).rejects.toMatchObject({
    code: 'engine.gone',
    message: expect.stringMatching(/ended 3 times in 60 s, last by code 7/),
  });
  expect(host.pageUrl).toBe(pageUrl);
  expect(said.filter((text) => text.includes('is started again'))).toHaveLength(2);
  expect(said[0]).toMatch(/The engine ended \(SIGKILL\)/);
  await host[Symbol.asyncDispose]();
});

test('a failure of the first start is thrown with its code, after the child has ended', async () => {
  const { host } = await create(
    `hear('open', () => say({ kind: 'failed', error: { code: 'engine.port-in-use', message: 'taken', details: { port: 1 } } }));
     hear('close', () => process.exit(0));`,
  );
  await expect(host.start(never)).rejects.toMatchObject({ code: 'engine.port-in-use', details: { port: 1 } });
  await host[Symbol.asyncDispose]();
});

test.each([
  ['process.exit(3);', /code 3/],
  ["process.kill(process.pid, 'SIGKILL');", /SIGKILL/],
])('a child that ends while it starts (%s) is said, not started again', async (script, how) => {
  const { host, said } = await create(script);
  await expect(host.start(never)).rejects.toMatchObject({ code: 'engine.gone', message: expect.stringMatching(how) });
  await host[Symbol.asyncDispose]();
  expect(said).toEqual([]);
});

test('what a child asks is answered, what it says wrongly is said, what cannot be is refused', async () => {
  const { host, said } = await create(
    `hear('open', () => {
       say({ kind: 'nonsense' });
       say({ kind: 'request', request: 1, ask: { kind: 'startSimulator' } });
     });
     hear('refusal', ({ request, error }) =>
       say({ kind: 'failed', error: { code: error.code, message: 'request ' + request } }));
     hear('close', () => process.exit(0));`,
  );
  await expect(host.start(never)).rejects.toMatchObject({ code: 'simulator.unavailable', message: 'request 1' });
  expect(said).toEqual([expect.stringMatching(/not understood/)]);
  await host[Symbol.asyncDispose]();
});

test('closing waits for the child, which may take its time, but not for ever', async () => {
  const orderly = await create(`${READY} hear('close', () => setTimeout(() => process.exit(0), 50));`);
  await orderly.host.start(never);
  await orderly.host[Symbol.asyncDispose]();
  await orderly.host.ended;
  expect(orderly.said).toEqual([]);
  const stuck = await create(READY, { closeLimitMs: 20 });
  await stuck.host.start(never);
  await Promise.all([stuck.host[Symbol.asyncDispose](), stuck.host[Symbol.asyncDispose]()]);
  expect(stuck.said).toEqual([
    expect.stringMatching(/ended by force/),
    expect.stringMatching(/SIGKILL.*before it was/),
  ]);
});

test('Ctrl-C while it starts ends the start and the child', async () => {
  const stop = new AbortController();
  const { host } = await create(`hear('close', () => process.exit(0));`);
  const starting = host.start(stop.signal);
  stop.abort();
  await expect(starting).rejects.toMatchObject({ code: 'call.cancelled' });
  await host[Symbol.asyncDispose]();
  await host.ended;
});

/** Engine and hub as children that write down, line by line, what they are and hear. */
async function createWithHub(hubScript: string): Promise<{ host: EngineHost; log: () => Promise<string[]> }> {
  const name = join(folder, `hub-${++count}`);
  const note = `const note = (text) => appendFileSync(${JSON.stringify(`${name}.log`)}, text + '\\n');`;
  const head = `import { appendFileSync } from 'node:fs'; ${note}`;
  const { host } = await create(
    `${READY}
     hear('open', () => say({ kind: 'request', request: 1, ask: { kind: 'startHub' } }));
     hear('answer', ({ request }) => note('answer ' + request));
     hear('refusal', ({ error }) => note('refusal ' + error.code));
     hear('hubEnded', ({ reason, retryMs }) => note('ended ' + retryMs + ' ' + reason));
     hear('close', () => { note('engine closes'); process.exit(0); });`,
    { hub: `${name}.mjs`, hubRestarts: new RestartLimit({ limit: 1, windowMs: 600_000 }) },
    head,
  );
  if (hubScript) {
    await writeFile(
      `${name}.mjs`,
      `${head} note('hub ' + process.argv.slice(2).join(' '));
       process.on('disconnect', () => process.exit(0));
       process.on('message', (message) => message.kind === 'close' && (note('hub closes'), process.exit(0)));
       ${hubScript}`,
    );
  }
  const log = async (): Promise<string[]> =>
    (await readFile(`${name}.log`, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  return { host, log };
}

test('the hub is a child of the host: started when the engine asks, told to close at the end', async () => {
  const { host, log } = await createWithHub('setInterval(() => {}, 1000);');
  await host.start(never);
  await expect.poll(log).toEqual(expect.arrayContaining(['answer 1', `hub --data ${folder}`]));
  await host[Symbol.asyncDispose]();
  expect((await log()).slice(2).sort()).toEqual(['engine closes', 'hub closes']);
});

test('a hub that dies is started again and the engine told; one that always dies is given up', async () => {
  const { host, log } = await createWithHub('process.exit(4);');
  await host.start(never);
  const given =
    'ended null The hub ended (code 4). That was too often (2 times in 600 s): it is not started again. Switch it off and on to try once more.';
  await expect.poll(log).toContain(given);
  const lines = await log();
  expect(lines.filter((line) => line.startsWith('hub '))).toHaveLength(2);
  expect(lines).toContain('ended 0 The hub ended (code 4). It is started again.');
  await host[Symbol.asyncDispose]();
});

test('a hub that is not built is refused, and nothing else suffers', async () => {
  const { host, log } = await createWithHub('');
  await host.start(never);
  await expect.poll(log).toEqual(['refusal share.failed']);
  await host[Symbol.asyncDispose]();
  await host.ended;
});
