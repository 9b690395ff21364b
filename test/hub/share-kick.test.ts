import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CallOutput } from '../../src/contract/calls.ts';
import { ManualClock } from '../../src/core/clock.ts';
import { Scope } from '../../src/core/scope.ts';
import { ShareDesk } from '../../src/hub/share/share-desk.ts';
import { ConnectionRates } from '../../src/hub/share/share-report.ts';
import { TurnedAway } from '../../src/hub/turned-away.ts';
import { PASSWORD } from './access-bench.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { openHubClient } from './labwire-lab.ts';
import { LabwireProbe } from './labwire-probe.ts';

const scope = new Scope('taken off');
let lab: HubLab;
let desk: ShareDesk;
beforeAll(async () => {
  lab = scope.use(await openHubLab({ anonymous: false }));
  desk = new ShareDesk({ access: lab.access, hub: () => lab.hub, rates: new ConnectionRates(), nowNs: () => 0n });
});
afterAll(() => scope[Symbol.asyncDispose]());

const newest = (): string => lab.hub.parts.connections.all.at(-1)?.id ?? '';

test('a client of ours that has a login stays away, and says who took it off', async () => {
  await using opened = openHubClient(new URL(lab.url()).host, { login: { user: 'developer', password: PASSWORD } });
  const { client } = opened;
  await expect.poll(() => client.link.word).toBe('connected');
  const { opened: before } = lab.hub.parts.connections;
  await desk.answer('share.kick', { connection: newest() }, 'anna (client screen 3f00)');
  await expect.poll(() => client.link.word).toBe('disconnected');
  expect(client.link.reason).toBe('anna took this connection off the bench.');
  expect(lab.hub.parts.connections.opened).toBe(before);
});

test('one that comes back at once is told to wait; its session is over; others come in', async () => {
  const token = await lab.token('viewer');
  const probe = new LabwireProbe(lab.socketUrl('/ws'), { token });
  const { resume } = (await probe.hello()) as unknown as { resume: { token: string } };
  await desk.answer('share.kick', { connection: newest() }, 'the screen');
  await probe.until('the end', () => probe.closed);
  expect(probe.closed).toEqual({ code: 4410, reason: 'Somebody at the bench took this connection off the bench.' });
  const late = new LabwireProbe(lab.socketUrl('/ws'));
  await late.open();
  late.say({ type: 'hello', version: 1, accept: {}, auth: { token }, resume: { token: resume.token, streams: [] } });
  await late.until('the refusal', () => late.closed);
  expect(late.closed).toEqual({ code: 1013, reason: expect.stringMatching(/took this connection.*retry_after=\d+$/) });
  const other = new LabwireProbe(lab.socketUrl('/ws'), { token: await lab.token('bot') });
  expect(await other.hello()).toMatchObject({ role: 'bot' });
  other.socket.terminate();
});

test('one-time codes of a user are switched off by who manages, and the list says who has them', async () => {
  const codes = { secret: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP', lastStep: 0, backup: [] };
  await lab.access.users.setMfa('bot', codes);
  const has = async (): Promise<boolean | undefined> =>
    ((await desk.answer('share.users', {}, 'x')) as CallOutput<'share.users'>).users.find(({ user }) => user === 'bot')
      ?.hasCodes;
  expect(await has()).toBe(true);
  await desk.answer('share.endCodes', { user: 'bot' }, 'x');
  expect(await has()).toBe(false);
  expect((await lab.access.login({ username: 'bot', password: PASSWORD }, { address: '127.0.0.1' })).user.name).toBe(
    'bot',
  );
});

test('the refusal is of that user at that address, and ends', async () => {
  const clock = new ManualClock();
  const away = new TurnedAway(clock, 60_000);
  away.add('10.0.0.1', 'u', 'X took it off.');
  expect(() => away.check('10.0.0.1', 'u')).toThrow(
    expect.objectContaining({ code: 'hub.rate-limited', details: { retryAfterS: 60 } }),
  );
  away.check('10.0.0.2', 'u');
  away.check('10.0.0.1', 'v');
  await clock.advance(60_000);
  away.check('10.0.0.1', 'u');
});
