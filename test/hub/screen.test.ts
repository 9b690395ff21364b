import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONTRACT_VERSION } from '../../src/contract/calls.ts';
import { encodeLoginRenewal } from '../../src/contract/login-renewal.ts';
import { SOCKET_PROTOCOL } from '../../src/contract/socket-link.ts';
import { ManualClock } from '../../src/core/clock.ts';
import { LabError } from '../../src/core/errors.ts';
import type { HubConnection } from '../../src/hub/connection-book.ts';
import { SCREEN_LIMITS } from '../../src/hub/screen/screen-limits.ts';
import { PASSWORD } from './access-bench.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { closeOf, openPage, openPageSocket, refusedStatus } from './screen-page.ts';

let lab: HubLab;

beforeAll(async () => {
  // Little: the system's own buffers are filled first, and a slow computer needs a while for each answer.
  lab = await openHubLab({ hub: { screens: { ...SCREEN_LIMITS, maxPendingBytes: 2 * 1024 * 1024 } } });
});
afterAll(() => lab[Symbol.asyncDispose]());

const supply = (): string => lab.screen.state.instruments[0]?.id ?? '';
/** Remote screens as the hub lists them, the newest last. */
const screens = (): HubConnection[] => lab.hub.parts.connections.all.filter(({ dialect }) => dialect === 'screen');
const codeOf = (thrown: unknown): string => LabError.from(thrown).code;
const hello = { type: 'request', id: 0, call: 'engine.hello', input: { contract: CONTRACT_VERSION, screen: 'bare' } };

/** The first control of the supply that takes a number, with a value it does not have. */
function setpoint(): { control: string; value: number } {
  const [instrument] = lab.screen.state.instruments;
  const control = instrument?.controls.find(({ kind, id }) => kind === 'number' && /volt/i.test(id));
  if (!control) throw new Error(`no setpoint among ${JSON.stringify(instrument?.controls)}`);
  return { control: control.id, value: 3.5 };
}

describe('a remote screen', () => {
  it('of a viewer reads the bench and sees samples, and controls nothing', async () => {
    const page = await openPage(lab, await lab.token('viewer'));
    expect(page.hello.rights).toEqual(['view']);
    expect(page.state.instruments.map(({ id }) => id)).toEqual(lab.screen.state.instruments.map(({ id }) => id));
    const channel = page.state.channels[0]?.id ?? '';
    let rows = 0;
    await page.watch([channel], { kind: 'raw' }, (block) => {
      if (block.kind === 'raw') rows += block.batch.rows;
      return rows > 3;
    });
    expect(rows).toBeGreaterThan(3);
    // When they were read back goes on meanwhile.
    const settings = () =>
      Object.entries(lab.screen.state.instruments[0]?.values ?? {}).map(([name, { readBack }]) => [name, readBack]);
    const before = settings();
    const denied = await page.client
      .call('instrument.set', { instrument: supply(), ...setpoint() })
      .catch(LabError.from);
    expect(denied).toMatchObject({ code: 'call.denied', message: expect.stringContaining('View only') });
    for (const attempt of [
      page.client.call('outputs.off', {}),
      page.client.call('recording.start', {}),
      page.client.call('settings.set', { operator: 'x' }),
      page.client.call('share.users', {}),
    ])
      expect(await attempt.catch(codeOf)).toBe('call.denied');
    page.client.tell('note.add', { text: 'told by a viewer' });
    expect(settings()).toEqual(before);
    await page.client.call('bench.read', {});
    expect(JSON.stringify(lab.screen.state.events)).not.toContain('told by a viewer');
    page[Symbol.dispose]();
  });

  it('of a developer sets, what it tells is done too, and the bench says who', async () => {
    const page = await openPage(lab, await lab.token('developer'));
    expect(page.hello.rights).toEqual(['view', 'control']);
    const { control, value } = setpoint();
    await page.client.call('instrument.set', { instrument: supply(), control, value });
    const set = await lab.screen.until('the setpoint', ({ instruments }) =>
      instruments[0]?.values[control]?.asked === value ? instruments[0].values[control] : undefined,
    );
    expect(set.asked).toBe(value);
    page.client.tell('note.add', { text: 'seen from afar' });
    const noted = await lab.screen.until('the note', ({ events }) =>
      events.find(({ text }) => text === 'seen from afar'),
    );
    expect(JSON.stringify([noted, ...lab.screen.state.events])).toContain('developer (client screen ');
    // From the bench to the page.
    await lab.screen.client.call('note.add', { text: 'said at the bench' });
    await page.until('the note of the bench', ({ events }) => events.some(({ text }) => text === 'said at the bench'));
    expect(await page.client.call('support.bundle', { path: '/tmp/x.zip' }).catch(codeOf)).toBe('call.denied');
    page[Symbol.dispose]();
  });

  it('is told no secrets unless it may manage', async () => {
    const tls = { cert: '/secret/cert.pem', key: '/secret/key.pem' };
    const { share } = lab.screen.state.settings;
    await lab.screen.client.call('settings.set', { share: { ...share, tls } });
    const viewer = await openPage(lab, await lab.token('viewer'));
    const admin = await openPage(lab, await lab.token('admin'));
    expect(viewer.hello.dataFolder).toBe('');
    expect(JSON.stringify(viewer.state)).not.toContain('/secret');
    expect(viewer.state.settings.recordingsFolder).toBe('');
    expect(admin.hello.dataFolder).toBe(lab.lab.folder);
    expect(admin.state.settings.share.tls).toEqual(tls);
    // Also in what is told later.
    await lab.screen.client.call('settings.set', { operator: 'Noether', share: { ...share, tls } });
    await viewer.until('the operator', ({ settings }) => settings.operator === 'Noether');
    expect(JSON.stringify(viewer.state)).not.toContain('/secret');
    await lab.screen.client.call('settings.set', { share });
    viewer[Symbol.dispose]();
    admin[Symbol.dispose]();
  });

  it('speaks in no name but its own, and never as the hub', async () => {
    const page = await openPageSocket(lab, await lab.token('admin'));
    const heard: Record<string, unknown>[] = [];
    page.on('message', (data) => heard.push(JSON.parse(String(data)) as Record<string, unknown>));
    const ask = async (message: Record<string, unknown>): Promise<unknown> => {
      page.send(JSON.stringify(message));
      for (;;) {
        const found = heard.find(({ id }) => id === message.id);
        if (found) return found;
        await once(page, 'message');
      }
    };
    await ask(hello);
    const as = { user: 'root', client: 'x', role: 'admin', rights: ['view', 'control', 'manage'] };
    const denied = { type: 'error', error: { code: 'call.denied' } };
    expect(await ask({ type: 'request', id: 1, call: 'bench.read', input: {}, as })).toMatchObject(denied);
    expect(await ask({ type: 'request', id: 2, call: 'share.offer', input: {} })).toMatchObject(denied);
    const report = { state: 'on', urls: [], connections: [], users: 0 };
    expect(await ask({ type: 'request', id: 3, call: 'share.report', input: report })).toMatchObject(denied);
    expect(await ask({ type: 'request', id: 4, call: 'no.such', input: {} })).toMatchObject({
      error: { code: 'call.invalid' },
    });
    // It goes on.
    expect(await ask({ type: 'request', id: 5, call: 'note.add', input: { text: 'still here' } })).toMatchObject({
      type: 'answer',
    });
    page.close();
  });
});

describe('the link of a remote screen', () => {
  it('closes on what is no message: garbage 4000, binary 1003, too long 1009, a number twice 4000', async () => {
    const token = await lab.token('viewer');
    const cases: [string | Buffer, number][] = [
      ['{"type":', 4000],
      ['[]', 4000],
      [JSON.stringify({ type: 'request', id: -1, call: 'x' }), 4000],
      [Buffer.from([1, 2, 3]), 1003],
      ['x'.repeat(1_048_577), 1009],
      [JSON.stringify({ ...hello, call: 'bench.read', input: {} }), 4000],
    ];
    for (const [message, code] of cases) {
      const page = await openPageSocket(lab, token);
      const closed = closeOf(page);
      page.send(message);
      expect(await closed).toMatchObject({ code });
    }
    const page = await openPageSocket(lab, token);
    const closed = closeOf(page);
    page.send(JSON.stringify(hello));
    page.send(JSON.stringify({ ...hello, id: 7, call: 'instrument.find', input: { withinMs: 60_000 } }));
    page.send(JSON.stringify({ ...hello, id: 7, call: 'bench.read', input: {} }));
    expect(await closed).toMatchObject({ code: 4000, reason: expect.stringContaining('twice') });
    await expect.poll(() => screens().length).toBe(0);
  });

  it('is refused without a token, with a wrong one, from another site, under another name', async () => {
    const url = lab.socketUrl('/link');
    const token = await lab.token('viewer');
    expect(await refusedStatus(url, [SOCKET_PROTOCOL, 'x.y.z'])).toBe(403);
    // Not by the address: that is written into logs.
    expect(await refusedStatus(`${url}?token=${token}`, [SOCKET_PROTOCOL, 'x'])).toBe(403);
    expect(await refusedStatus(url, [SOCKET_PROTOCOL, token], { Origin: 'https://evil.example' })).toBe(403);
    expect(await refusedStatus(url, [SOCKET_PROTOCOL, token], { Host: 'evil.example' })).toBe(421);
    const anonymous = new (await import('ws')).WebSocket(url, [SOCKET_PROTOCOL]);
    expect(await closeOf(anonymous)).toMatchObject({ code: 4401 });
  });

  it('ends for a page that does not read, and the hub keeps little for it', async () => {
    const token = await lab.token('viewer');
    const { hostname, port } = new URL(lab.url());
    const raw = connectTcp(Number(port), hostname);
    await once(raw, 'connect');
    raw.write(
      [
        'GET /link HTTP/1.1',
        `Host: ${hostname}:${port}`,
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
        `Sec-WebSocket-Protocol: ${SOCKET_PROTOCOL}, ${token}`,
        '',
        '',
      ].join('\r\n'),
    );
    await once(raw, 'data');
    raw.pause();
    raw.on('error', () => {});
    const say = (message: unknown): boolean => raw.write(maskedText(JSON.stringify(message)));
    say(hello);
    const connection = screens().at(-1);
    if (!connection) throw new Error('the page is not listed');
    let isListed = true;
    let highest = 0;
    using _watch = lab.hub.parts.connections.onChange(() => {
      isListed = lab.hub.parts.connections.find(connection.id) !== undefined;
    });
    for (let id = 1; isListed && id < 20_000; id++) {
      say({ type: 'request', id, call: 'bench.read', input: {} });
      // No more than a few on their way to the hub: what piles up is what it has for the page.
      while (isListed && connection.counts().utilization < 1 && connection.counts().received < id - 8)
        await new Promise((next) => setImmediate(next));
      highest = Math.max(highest, connection.counts().utilization);
    }
    await expect.poll(() => isListed).toBe(false);
    expect(highest).toBeGreaterThan(0.5);
    raw.destroy();
  });
});

describe('the login of a remote screen', () => {
  it('ends at once when it is revoked; another role comes in force at once; a person is shown out', async () => {
    await lab.access.users.add('guest', 'developer', PASSWORD);
    const login = async (): Promise<string> =>
      (await lab.access.login({ username: 'guest', password: PASSWORD }, { address: '127.0.0.1' })).access;
    const demoted = await openPageSocket(lab, await login());
    const demotion = closeOf(demoted);
    await lab.access.users.setRole('guest', 'viewer');
    expect(await demotion).toMatchObject({ code: 4403, reason: expect.stringContaining('viewer') });

    const kicked = await openPageSocket(lab, await login());
    const kick = closeOf(kicked);
    const { connections } = lab.hub.parts;
    connections.takeOff(screens().at(-1) as HubConnection, 'admin took this connection off the bench.');
    expect(await kick).toMatchObject({ code: 4410, reason: 'admin took this connection off the bench.' });
    expect(await refusedStatus(lab.socketUrl('/link'), [SOCKET_PROTOCOL, await login()], { origin: lab.url() })).toBe(
      429,
    );

    await lab.access.users.add('other', 'developer', PASSWORD);
    const entry = await lab.access.login({ username: 'other', password: PASSWORD }, { address: '127.0.0.1' });
    const gone = await openPageSocket(lab, entry.access);
    const removal = closeOf(gone);
    await lab.access.users.remove('other');
    await lab.access.users.remove('guest');
    expect(await removal).toMatchObject({ code: 4401, reason: expect.stringContaining('Log in again') });
  });

  it('is renewed over the link; a token of another user ends it', async () => {
    const first = await lab.access.login({ username: 'viewer', password: PASSWORD }, { address: '127.0.0.1' });
    const page = await openPageSocket(lab, first.access);
    const connection = screens().at(-1);
    const before = connection?.principal;
    page.send(JSON.stringify(hello));
    const next = await lab.access.refresh(first.refresh);
    page.send(encodeLoginRenewal(next.access));
    await expect.poll(() => connection?.principal === before).toBe(false);
    expect(connection?.principal.user).toBe(before?.user);
    expect(connection?.counts()).toMatchObject({ received: 2, state: 'normal', dropped: 0 });
    const closed = closeOf(page);
    page.send(encodeLoginRenewal(await lab.token('admin')));
    expect(await closed).toMatchObject({ code: 4401 });
  });
});

it('ends with its token when the page does not renew the login', async () => {
  const clock = new ManualClock(BigInt(Date.now()) * 1_000_000n);
  await using other = await openHubLab({ attach: [], hub: { clock } });
  // The token is of the system's clock, and opening all this may have taken the computer a while.
  await clock.advance(Date.now() - Number(clock.nowNs() / 1_000_000n));
  const { access, accessExpiresInS } = await other.access.login(
    { username: 'viewer', password: PASSWORD },
    { address: '127.0.0.1' },
  );
  await clock.advance((accessExpiresInS - 9) * 1000);
  const page = await openPageSocket(other, access);
  page.send(JSON.stringify(hello));
  await once(page, 'message');
  let isOver = false;
  const closed = closeOf(page).finally(() => {
    isOver = true;
  });
  // So may the login have.
  while (!isOver) {
    await clock.advance(1000);
    await new Promise((next) => setImmediate(next));
  }
  expect(await closed).toEqual({ code: 4401, reason: 'The login ran out and was not renewed. Log in again.' });
});

it('says goodbye when the hub ends, and ends the links to the engine', async () => {
  await using other = await openHubLab({ attach: [] });
  const page = await openPageSocket(other, await other.token('viewer'));
  const closed = closeOf(page);
  await other.hub.close({ reason: 'How the bench is shared has been changed.', retryAfterS: 1 });
  expect(await closed).toEqual({ code: 1012, reason: 'How the bench is shared has been changed.' });
});

/** A text frame of a client, masked with zeros (RFC 6455 5.2). */
function maskedText(text: string): Buffer {
  const payload = Buffer.from(text);
  const head = Buffer.from([0x81, 0xfe, payload.length >> 8, payload.length & 0xff, 0, 0, 0, 0]);
  if (payload.length < 126) return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
  return Buffer.concat([head, payload]);
}
