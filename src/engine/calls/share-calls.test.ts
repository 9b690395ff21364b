import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Lab, openLab } from '../../../test/lab/lab.ts';
import type { LabScreen } from '../../../test/lab/lab-screen.ts';
import type { CallInput, CallName } from '../../contract/calls.ts';
import type { CallOptions } from '../../contract/client.ts';
import type { EventData } from '../../contract/events.ts';
import type { ShareState } from '../../contract/share-schema.ts';
import { LabError } from '../../core/errors.ts';
import { openScopes } from '../../core/scope.ts';

/** A bench, a window, and what the hub says and hears over its link; the hub itself is tested in src/hub. */
let lab: Lab;
let window: LabScreen;
/** How each answer of a hub went: `done`, or the code of its error. */
let answers: Promise<string>[];

const ON = {
  urls: ['http://127.0.0.1:8000/'],
  connections: [],
  users: 1,
};
const PASSWORD = 'correct horse battery';

async function codeOf<N extends CallName>(screen: LabScreen, call: N, input: CallInput<N>, options?: CallOptions) {
  try {
    await screen.client.call(call, input, options);
    return 'done';
  } catch (error) {
    return LabError.from(error).code;
  }
}

/** A hub that answers as the test says. */
async function openHub(answer: (asked: EventData<'share.asked'>) => { output: unknown } | { error: LabError } | null) {
  const screen = await lab.screen('hub', { trusted: true });
  const asked: EventData<'share.asked'>[] = [];
  screen.client.on('share.asked', (one) => {
    asked.push(one);
    const what = answer(one);
    if (!what) return;
    const rest = 'error' in what ? { error: what.error.toJSON() } : { output: what.output };
    answers.push(codeOf(screen, 'share.answer', { ask: one.ask, ...rest }));
  });
  await screen.client.call('share.offer', {});
  return { screen, asked };
}

async function setOn(on: boolean): Promise<void> {
  await window.client.call('settings.set', { share: { ...window.state.settings.share, on } });
}

const shows = (state: ShareState['state'], reason?: RegExp) =>
  window.until(
    `sharing ${state}`,
    ({ share }) => share.state === state && (reason?.test(share.reason ?? '') ?? true) && share,
  );

beforeEach(async () => {
  answers = [];
  lab = await openLab({ startBench: false });
  window = await lab.screen('window');
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  // One may be under way when the lab ends; nothing else may go wrong with it.
  const codes = await Promise.all(answers);
  expect(codes.filter((code) => code !== 'done' && code !== 'link.closed')).toEqual([]);
  expect(openScopes()).toEqual([]);
});

test('the setting starts the process and ends it; the hub says how it is; the next engine starts it again', async () => {
  expect(window.state.share).toEqual({ state: 'off', urls: [], connections: [], users: 0 });
  await setOn(true);
  await shows('starting');
  await expect.poll(() => lab.host.hub).toBe('running');
  const hub = await openHub(() => null);
  await hub.screen.client.call('share.report', { state: 'on', ...ON });
  expect(await shows('on')).toMatchObject(ON);
  // Other changes are the hub's business.
  await window.client.call('settings.set', { share: { ...window.state.settings.share, port: 8100 } });
  expect(lab.host.hubStarts).toBe(1);
  expect(JSON.parse(await readFile(join(lab.folder, 'settings.json'), 'utf8'))).toMatchObject({
    share: { on: true, port: 8100 },
  });
  await setOn(false);
  await shows('off');
  await expect.poll(() => lab.host.hub).toBe('off');
  hub.screen[Symbol.dispose]();
  await setOn(true);
  await lab.restart();
  await expect.poll(() => lab.host.hubStarts).toBe(3);
  window = await lab.screen('window');
  expect(window.state.share.state).toBe('starting');
});

test('a process that dies is said with its reason, as long as it is started again, and when it is not', async () => {
  await setOn(true);
  await shows('starting');
  await expect.poll(() => lab.host.hub).toBe('running');
  lab.host.hubDies({ reason: 'The hub ended (code 1) and is started again.', retryMs: 0 });
  await shows('starting', /code 1/);
  lab.host.hubDies({ reason: 'The hub ended too often.', retryMs: null });
  await shows('failed', /too often/);
  await window.until('the event', ({ events }) =>
    events.some(({ text, severity }) => severity === 'error' && text.includes('The hub ended too often.')),
  );
  await setOn(false);
  await shows('off');
});

test('where it cannot be started, why is said', async () => {
  lab.host.hubFailure = new LabError('share.failed', 'The hub is not built.');
  await setOn(true);
  await shows('failed', /not built/);
  await setOn(false);
  lab.host.hubFailure = undefined;
  lab.host.unavailable = { hub: 'not in this test' };
  await setOn(true);
  await shows('failed', /cannot be shared here: not in this test/);
  expect(lab.host.hubStarts).toBe(0);
});

test('a link of the hub that breaks is said, and the hub is expected back', async () => {
  await setOn(true);
  const hub = await openHub(() => null);
  await hub.screen.client.call('share.report', { state: 'on', ...ON });
  await shows('on');
  const waiting = codeOf(window, 'share.users', {});
  await expect.poll(() => hub.asked.length).toBe(1);
  hub.screen[Symbol.dispose]();
  expect(await waiting).toBe('share.gone');
  await shows('starting', /expected back/);
  const next = await openHub(() => null);
  await next.screen.client.call('share.report', { state: 'failed', ...ON, urls: [], reason: 'Port 8000 is taken.' });
  await shows('failed', /8000/);
});

test('what screens ask is carried out by the hub: its answer, or its refusal', async () => {
  expect(await codeOf(window, 'share.users', {})).toBe('share.off');
  const user = { user: 'anna', role: 'viewer', createdNs: '1', seenNs: null, hasCodes: false };
  const hub = await openHub(({ call, input }) => {
    if (call === 'share.users') return { output: { users: [user] } };
    if (call === 'share.removeUser') return { error: new LabError('hub.last-admin', 'It is the only admin.') };
    if (call === 'share.setRole') return { output: { ...user, ...(input as object) } };
    return { output: 'nonsense' };
  });
  expect(await window.client.call('share.users', {})).toEqual({ users: [user] });
  await expect(window.client.call('share.removeUser', { user: 'anna' })).rejects.toMatchObject({
    code: 'hub.last-admin',
    message: 'It is the only admin.',
  });
  expect(await window.client.call('share.setRole', { user: 'anna', role: 'bot' })).toMatchObject({ role: 'bot' });
  expect(await codeOf(window, 'share.tokens', {}), 'no answer of that shape').toBe('share.gone');
  expect(hub.asked.map(({ call, who }) => `${call} by ${who}`)).toEqual([
    'share.users by window',
    'share.removeUser by window',
    'share.setRole by window',
    'share.tokens by window',
  ]);
});

test('rights: gauges for everybody who looks, the rest for who manages', async () => {
  await openHub(() => ({ error: new LabError('call.limit', 'asked') }));
  const admin = await lab.screen('hub', { trusted: true });
  const viewer: CallOptions = { as: { user: 'eve', client: 'c', role: 'viewer', rights: ['view'] } };
  expect(await codeOf(admin, 'share.users', {}, viewer)).toBe('call.denied');
  expect(await codeOf(admin, 'share.stats', {}, viewer)).toBe('call.limit');
});

test('only one hub, over a trusted link, in its own name', async () => {
  expect(await codeOf(window, 'share.offer', {})).toBe('call.denied');
  const hub = await openHub(() => null);
  const other = await lab.screen('other hub', { trusted: true });
  const admin: CallOptions = { as: { user: 'a', client: 'c', role: 'admin', rights: ['view', 'control', 'manage'] } };
  expect(await codeOf(other, 'share.offer', {}, admin)).toBe('call.denied');
  expect(await codeOf(other, 'share.offer', {})).toBe('share.taken');
  expect(await codeOf(other, 'share.report', { state: 'on', ...ON })).toBe('call.denied');
  expect(await codeOf(window, 'share.answer', { ask: 1, output: {} })).toBe('call.denied');
  expect(await codeOf(hub.screen, 'share.report', { state: 'on', ...ON }, admin)).toBe('call.denied');
  expect(await codeOf(hub.screen, 'share.answer', { ask: 99, output: {} }), 'asked no more').toBe('done');
  hub.screen[Symbol.dispose]();
  await expect.poll(() => codeOf(other, 'share.offer', {})).toBe('done');
});

test('a password goes to the hub and nowhere else', async () => {
  const user = { user: 'anna', role: 'viewer', createdNs: '1', seenNs: null, hasCodes: false };
  const hub = await openHub(({ call }) =>
    call === 'share.addUser' ? { output: user } : { error: new LabError('hub.weak-password', 'too plain') },
  );
  const others: string[] = [];
  const watcher = await lab.screen('watcher');
  watcher.client.on('share.asked', (asked) => others.push(JSON.stringify(asked)));
  watcher.client.onState((change) => others.push(JSON.stringify(change)));
  await watcher.client.call('trace.watch', { on: true });
  watcher.client.on('exchange.happened', (exchanges) => others.push(JSON.stringify(exchanges)));
  const adding = { user: 'anna', role: 'viewer', password: PASSWORD } as const;
  await window.client.call('share.addUser', adding, { idem: 'k' });
  await window.client.call('share.addUser', adding, { idem: 'k' });
  expect(hub.asked, 'carried out once').toHaveLength(1);
  expect(hub.asked[0]?.input).toEqual(adding);
  const refused = await window.client
    .call('share.setPassword', { user: 'anna', password: PASSWORD })
    .catch((error: unknown) => JSON.stringify(LabError.from(error)));
  expect(refused).toContain('hub.weak-password');
  const { events } = await window.client.call('event.list', { fromNs: '0', toNs: '9999999999999999999' });
  const seen = JSON.stringify([others, events, refused, await window.client.call('bench.read', {})]);
  expect(seen).not.toContain(PASSWORD);
});

test('the lab may end while an answer is under way: that is heard, and is no fault', async () => {
  let ending: Promise<void> | undefined;
  await openHub(() => {
    ending = lab[Symbol.asyncDispose]();
    return { output: { users: [] } };
  });
  expect(await codeOf(window, 'share.users', {})).toBe('link.closed');
  await ending;
  expect(await Promise.all(answers)).toEqual(['link.closed']);
});
