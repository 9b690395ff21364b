import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ADMIN } from '../servers/lablink/mode.ts';
import { type LabLinkServer, startLabLinkServer } from '../servers/lablink/server.ts';
import { type Lab, openLab } from './lab.ts';
import type { LabScreen } from './lab-screen.ts';

/** A token given with an address works, and is then in no state, no event, no answer and no file. */
let lab: Lab;
let screen: LabScreen;
let lablink: LabLinkServer;

beforeEach(async () => {
  lablink = await startLabLinkServer({ mode: 'fixed', mocks: true, security: true, delays: 0 });
  lab = await openLab({ startBench: false });
  screen = await lab.screen();
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  await lablink[Symbol.asyncDispose]();
});

async function realToken(): Promise<string> {
  const response = await fetch(`${lablink.url}/api/security/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: ADMIN.user, password: ADMIN.password }),
  });
  return ((await response.json()) as { access_token: string }).access_token;
}

/** All the text files of the data folder, the list of servers among them. */
async function written(): Promise<string> {
  const names = await readdir(lab.folder, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile());
  const texts = await Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1')));
  return texts.join('\n');
}

async function expectNowhere(secret: string): Promise<void> {
  expect(JSON.stringify(screen.state)).not.toContain(secret);
  const files = await written();
  expect(files).toContain(lablink.url);
  expect(files).not.toContain(secret);
}

test('a good token in the address logs in, and is nowhere', async () => {
  const token = await realToken();
  const { server } = await screen.client.call('server.add', { url: `${lablink.url}/?token=${token}` });
  await screen.until('the link', ({ servers }) => servers[0]?.link.word === 'connected');
  expect(screen.state.servers[0]).toMatchObject({ id: server, url: lablink.url, login: { state: 'in' } });
  const resource = screen.state.servers[0]?.equipment.find(({ role }) => role === 'supply')?.resource ?? '';
  const instrument = await screen.attach(resource);
  await screen.untilState(instrument, 'live');
  lablink.drop(1011);
  await screen.until('that it is back', ({ servers }) => servers[0]?.link.word === 'connected');
  await expectNowhere(token);
  expect(JSON.stringify(await screen.client.call('bench.read', {}))).not.toContain(token);
});

test('a token that is refused is nowhere, either; a login instead of it goes on', async () => {
  const wrong = 'wrong-0123456789-token';
  await screen.client.call('server.add', { url: `${lablink.url}/?token=${wrong}` });
  const server = await screen.until('that it is refused', ({ servers }) =>
    servers.find(({ link }) => link.word === 'failed'),
  );
  await expectNowhere(wrong);
  await screen.client.call('server.login', { server: server.id, user: ADMIN.user, password: ADMIN.password });
  await screen.until('the link', ({ servers }) => servers[0]?.link.word === 'connected');
  expect(screen.state.servers[0]?.login).toMatchObject({ state: 'in', user: ADMIN.user, kept: 'memory' });
  await expectNowhere(ADMIN.password);
});

test('an address whose server is not there is refused without its token', async () => {
  const token = 'tok-0123456789-away';
  const { url } = lablink;
  await lablink.kill();
  const added = screen.client.call('server.add', { url: `${url}/?token=${token}` });
  await expect(added).rejects.toMatchObject({ code: 'server.unreachable' });
  await expect(added).rejects.toThrow(
    /^No lab server answers at 127\.0\.0\.1:\d+: nothing listens there\. It was not added\./,
  );
  expect(JSON.stringify(screen.state)).not.toContain(token);
  expect(screen.state.servers).toEqual([]);
});
