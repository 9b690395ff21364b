import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { SOCKET_PROTOCOL } from '../../src/contract/socket-link.ts';
import { ManualClock } from '../../src/core/clock.ts';
import { Scope } from '../../src/core/scope.ts';
import { PASSWORD } from './access-bench.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { LabwireProbe } from './labwire-probe.ts';

type Way = 'labwire.1' | 'lablink' | 'neurograph' | 'power' | 'health' | 'screen' | 'sse';
const WAYS: readonly Way[] = ['labwire.1', 'lablink', 'neurograph', 'power', 'health', 'screen', 'sse'];
/** Those whose original looks at a token once. */
const ASKED_ONCE: readonly Way[] = ['lablink', 'neurograph', 'power', 'health'];
const RENEWED = WAYS.filter((way) => !ASKED_ONCE.includes(way));
const TOKEN_MS = 900_000;
const LOGIN_MS = 604_800_000;
const HERE = { address: '127.0.0.1' };

const scope = new Scope('watch of connections');
let lab: HubLab;
beforeAll(async () => {
  lab = scope.use(await openHubLab({ anonymous: false }));
});
afterAll(() => scope[Symbol.asyncDispose]());

/** A client that is in. */
interface Visit {
  /** How the hub ended it. */
  ended: Promise<{ code: number; reason: string }>;
}

/** Comes in that way, and is in the hub's list. */
async function come({ hub, socketUrl, url, bench }: ReturnType<typeof place>, way: Way, token: string): Promise<Visit> {
  const { connections } = hub.parts;
  const before = connections.opened;
  const visit =
    way === 'sse' ? await read(`${url()}/api/v1/sse/${bench.equipment[0]?.id}%2Freadings`, token) : connect();
  await expect.poll(() => connections.opened, { interval: 10 }).toBe(before + 1);
  return visit;

  function connect(): Visit {
    const protocols = { 'labwire.1': ['labwire.1'], screen: [SOCKET_PROTOCOL, token] }[way as string] ?? [];
    const path = {
      'labwire.1': '/ws',
      lablink: '/ws',
      neurograph: '/compat/neurograph/ws',
      power: '/ws/power',
      health: '/ws/health',
      screen: '/link',
    }[way as string];
    const headers = way === 'screen' ? { origin: url() } : { authorization: `Bearer ${token}` };
    const socket = new WebSocket(socketUrl(path ?? ''), protocols, { headers });
    scope.defer(() => socket.terminate());
    const hello = { type: 'hello', version: 1, accept: { binary: false, codecs: ['raw'], ack: false } };
    if (way === 'labwire.1') socket.once('message', () => socket.send(JSON.stringify(hello)));
    const ended = new Promise<{ code: number; reason: string }>((resolve) =>
      socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })),
    );
    return { ended };
  }
}

function place(of: HubLab) {
  return { hub: of.hub, bench: of.bench, url: () => of.url(), socketUrl: (path: string) => of.socketUrl(path) };
}

/** Server-sent events to their end, which is told by an event. */
async function read(url: string, token: string): Promise<Visit> {
  const abort = new AbortController();
  scope.defer(() => abort.abort());
  const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` }, signal: abort.signal });
  expect(answer.status).toBe(200);
  const ended = answer.text().then(
    (text) =>
      JSON.parse(/event: disconnected\ndata: (.*)\n\n$/.exec(text)?.[1] ?? '{}') as { code: number; reason: string },
    () => ({ code: 1006, reason: '' }),
  );
  return { ended };
}

/** A hub with a clock of its own, so far ahead of the engine's and the access's. */
async function ahead(ms: number): Promise<{ other: HubLab; goTo: (atMs: number) => Promise<void> }> {
  const clock = new ManualClock(BigInt(Date.now() + ms) * 1_000_000n);
  const goTo = (atMs: number): Promise<void> => clock.advance(atMs - Number(clock.nowNs() / 1_000_000n));
  return { other: await openHubLab({ anonymous: false, hub: { clock } }), goTo };
}

const enter = (at: HubLab, username: string) => at.access.login({ username, password: PASSWORD }, HERE);

test.each(WAYS)('%s: a key that is removed ends what came in with it, at once', async (way) => {
  const { key, secret } = await lab.access.keys.add('viewer', { label: 'lent' });
  const { ended } = await come(place(lab), way, secret);
  await lab.access.keys.remove(key.id);
  expect(await ended).toMatchObject({ code: 4401, reason: 'The API key lent was removed. Log in again.' });
});

test.each(WAYS)('%s: a user that is removed, and a login that is ended', async (way) => {
  await lab.access.users.add('guest', 'viewer', PASSWORD);
  const left = await enter(lab, 'guest');
  const first = await come(place(lab), way, left.access);
  const second = await come(place(lab), way, (await enter(lab, 'guest')).access);
  await lab.access.logout(left.refresh);
  expect(await first.ended).toMatchObject({ code: 4401 });
  await lab.access.users.remove('guest');
  expect(await second.ended).toMatchObject({ code: 4401, reason: 'The user guest was removed. Log in again.' });
});

test('what was renewed with a key ends with that key, not with the login it began with', async () => {
  const began = await enter(lab, 'viewer');
  const { key, secret } = await lab.access.keys.add('viewer', { label: 'lent' });
  const probe = new LabwireProbe(lab.socketUrl('/ws'), { token: began.access });
  scope.defer(() => probe.socket.terminate());
  await probe.hello();
  expect(await probe.ask({ type: 'auth_refresh', id: 1, token: secret })).toMatchObject({ type: 'auth_refreshed' });
  await lab.access.keys.remove(key.id);
  await probe.until('the end', () => probe.closed);
  expect(probe.closed).toMatchObject({ code: 4401, reason: expect.stringContaining('lent') });
});

test('a key that runs out ends what came in with it, whatever it speaks', async () => {
  const { other, goTo } = await ahead(0);
  await using _other = other;
  const { key, secret } = await other.access.keys.add('viewer', { label: '', ttlMs: 600_000 });
  const endMs = key.expiresMs ?? 0;
  await goTo(endMs - 3000);
  const visits = [];
  for (const way of WAYS) visits.push(await come(place(other), way, secret));
  await goTo(endMs);
  for (const { ended } of visits)
    expect(await ended).toMatchObject({ code: 4401, reason: expect.stringMatching(/run out/) });
});

test('the end of a token ends what can be renewed; what is asked for it once ends with its login', async () => {
  const { other, goTo } = await ahead(TOKEN_MS - 600_000);
  await using _other = other;
  const { access, principal } = await enter(other, 'viewer');
  const endMs = principal.expiresMs ?? 0;
  await goTo(endMs - 3000);
  const renewed = [];
  for (const way of RENEWED) renewed.push(await come(place(other), way, access));
  for (const way of ASKED_ONCE) await come(place(other), way, access);
  await goTo(endMs);
  for (const { ended } of renewed)
    expect(await ended).toMatchObject({ code: 4401, reason: expect.stringMatching(/ran out/) });
  const open = () => other.hub.parts.connections.all.map(({ dialect }) => dialect);
  await expect.poll(open).toEqual(['lablink-enhanced', 'neurograph', 'power-meter', 'power-meter']);
});

test('what is asked for a token once ends when the login behind it has run out', async () => {
  const { other, goTo } = await ahead(LOGIN_MS - 600_000);
  await using _other = other;
  const { access, principal } = await enter(other, 'viewer');
  const endMs = other.access.endOf(principal) ?? 0;
  await goTo(endMs - 3000);
  const visits = [];
  for (const way of ASKED_ONCE) visits.push(await come(place(other), way, access));
  await goTo(endMs);
  for (const { ended } of visits)
    expect(await ended).toMatchObject({ code: 4401, reason: expect.stringMatching(/ran out/) });
});
