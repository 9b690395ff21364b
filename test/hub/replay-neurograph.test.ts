import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeJwt, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { PASSWORD } from './access-bench.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { ask } from './lablink-probe.ts';
import { Names } from './lablink-recorded.ts';
import { ReplayClock } from './replay-clock.ts';
import { type ConversationRules, ReplayConversation } from './replay-conversation.ts';
import { NEUROGRAPH_DIFFERENCES } from './replay-differences.ts';
import { ReplayJudge } from './replay-judge.ts';
import { differences, type Message, recordedLines } from './replay-recording.ts';
import { ReplayTalk } from './replay-talk.ts';

/**
 * The recorded conversations with NeuroGraph 1.0.0 and 0.60.1: what their client said is said to our hub over real sockets, at the times of the recording on the hub's
 * clock, and every answer is compared: its place in the order, its keys, the kind of each value, the words.
 */
const scope = new Scope('replayed NeuroGraph');
const clock = new ReplayClock();
let hub: HubLab;

beforeAll(async () => {
  hub = scope.use(await openHubLab({ profiles: ['native', 'neurograph'], hub: { clock } }));
});

afterAll(() => scope[Symbol.asyncDispose]());

const ROLES = ['admin', 'developer', 'viewer', 'bot'] as const;
const RULES: ConversationRules = {
  marker: { text: '{"type":"ping"}', answer: 'pong' },
  tail: 0,
  isUnasked: ({ type }) => type === undefined || type === 'ping',
  more: ['event of status'],
  abbreviated: [],
};

/** The replay of one recording. */
class Stage {
  readonly names = new Names();
  readonly open = new Map<string, ReplayConversation>();
  readonly judge: ReplayJudge;
  readonly #startMs = clock.monotonicMs();

  constructor(file: string) {
    this.judge = new ReplayJudge(file, NEUROGRAPH_DIFFERENCES);
    for (const role of ROLES) this.names.set(`u-${role}`, role);
    this.names.set('dev1', 'developer');
  }

  async moveTo(seconds: number): Promise<void> {
    await clock.moveTo(this.#startMs + seconds * 1000, async () => {
      for (const { talk } of this.open.values()) await talk.settled();
    });
  }

  connect(tag: string, url: URL): ReplayConversation {
    const talk = scope.use(new ReplayTalk(hub.socketUrl(url.pathname + url.search, 1)));
    const conversation = new ReplayConversation(talk, { ...this, rules: RULES });
    this.open.set(tag, conversation);
    return conversation;
  }

  async leave(tag: string): Promise<void> {
    const talk = this.open.get(tag)?.talk;
    talk?.socket.close();
    await talk?.until('it is closed', () => talk.closed !== undefined);
    this.open.delete(tag);
  }

  /** A token like the one that stood where `<jwt>` stands in the recording. */
  async token(tag: string): Promise<string> {
    const role = ROLES.find((one) => tag === `login ${one}` || tag === `role ${one}`);
    if (role) return hub.token(role);
    if (tag === 'refresh-type')
      return (await hub.access.login({ username: 'developer', password: PASSWORD }, { address: '127.0.0.1' })).refresh;
    const good = await hub.token('developer');
    if (tag === 'first') return good;
    // One of this hub, but old, or for a role that is none.
    const claims = decodeJwt(good);
    const wrong = tag.replace('role ', '');
    const changed =
      tag === 'expired' ? { ...claims, exp: Number(claims.iat) - 1 } : { ...claims, role: wrong, scopes: [wrong] };
    const text = await readFile(join(hub.lab.folder, 'hub', 'secret'), 'utf8');
    const { kid, key } = JSON.parse(text) as { kid: string; key: string };
    return new SignJWT(changed)
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid })
      .sign(Buffer.from(key, 'base64url'));
  }
}

async function replay(stage: Stage, file: string): Promise<void> {
  const lines = recordedLines(file);
  for (const [index, line] of lines.entries()) {
    const { t, dir, kind, tag = '', data } = line;
    await stage.moveTo(t);
    const conversation = stage.open.get(tag);
    if (kind === 'open') {
      const url = new URL(stage.names.in(String(data)));
      if (url.searchParams.get('token') === '<jwt>') url.searchParams.set('token', await stage.token(tag));
      stage.connect(tag, url);
    } else if (kind === 'handshake' || kind === 'refused') {
      if (!(await conversation?.handshake(line))) await stage.leave(tag);
    } else if (dir === '->') await conversation?.say(line);
    else if (dir === '<-') conversation?.said(data as Message);
    else if (kind === 'closed') {
      await conversation?.judgeAnswers();
      conversation?.judgeClose(line);
    } else if (kind === 'end' && conversation) {
      await conversation.judgeAnswers();
      await conversation.judgeUnasked();
      await stage.leave(tag);
    } else if (kind === 'http') await replayHttp(stage, data as Message, lines[index + 1]?.tag ?? '');
  }
}

async function replayHttp({ judge }: Stage, data: Message, nextTag: string): Promise<void> {
  const live = data['broadcast live'];
  const [, method = '', path = ''] = /^(\w+) (\S+)/.exec(String(data.req ?? 'POST /api/v1/websocket/broadcast')) ?? [];
  const isLogin = path.endsWith('/login');
  const login = { username: nextTag.replace('login ', ''), password: PASSWORD };
  const event = { event_type: live ? 'live' : 'missed', data: { i: 1 } };
  const query = path.endsWith('/broadcast') ? '?channel=signals' : '';
  const body = method === 'POST' ? { body: isLogin ? login : event } : {};
  const answer = await ask(hub, method, path + query, { ...body, index: 1 });
  judge.note(`${method} ${path}`, differences({ status: data.status }, { status: answer.status }));
  if (answer.status !== data.status) return;
  const { scopes, expires_in, resp = live } = data;
  const { json } = answer;
  if (isLogin)
    judge.note(
      `${method} ${path}`,
      differences({ scopes, expires_in }, { scopes: json.scopes, expires_in: json.expires_in }),
    );
  else if (typeof resp === 'object') judge.note(`${method} ${path}`, differences(resp, json));
}

test.each([
  '002-anonymous',
  '002-auth',
  '002-binary-to-server',
  '002-reconnect',
  '002-heartbeat-idle',
  '002-v0601-anonymous',
  '002-v0601-auth',
  '002-v0601-binary-to-server',
  '002-v0601-reconnect',
])(
  '%s.jsonl: the hub answers as recorded, but for what is listed',
  async (name) => {
    const stage = new Stage(name);
    await replay(stage, `neurograph/${name}.jsonl`);
    expect(stage.judge.unexpected).toEqual([]);
    expect(stage.judge.unused).toEqual([]);
  },
  60_000,
);

test('002-ratelimit.jsonl: so many of each kind are taken at once, and the same word for the others', async () => {
  const stage = new Stage('002-ratelimit');
  const lines = recordedLines('neurograph/002-ratelimit.jsonl');
  for (const { kind, data } of lines) {
    if (kind !== 'stats') continue;
    const {
      type,
      sent,
      non_limited_replies: taken,
    } = data as { type: string; sent: number; non_limited_replies: number };
    const theirs = lines.filter(({ tag, dir }) => tag === type && dir === '<-').map((line) => line.data as Message);
    const { talk } = stage.connect(type, new URL('ws://hub/ws'));
    await talk.handshake();
    // The recording leaves most of what was sent out. No time passes meanwhile on the clock the buckets are filled by.
    for (let count = 0; count < sent; count++) talk.socket.send(JSON.stringify({ type, channels: ['metrics'] }));
    await talk.until('everything is answered', () => talk.heard.length > sent);
    const limited = talk.heard.filter(({ message }) => message === 'Rate limit exceeded');
    expect([type, sent - limited.length]).toEqual([type, taken]);
    for (const [index, message] of theirs.entries())
      stage.judge.note(`${type} → ${String(message.type)}`, differences(message, talk.heard[index]));
    await stage.leave(type);
  }
  const metrics = lines.findLast(({ kind }) => kind === 'http');
  const { status } = await ask(hub, 'GET', '/api/v1/metrics', { index: 1 });
  stage.judge.note(
    'GET /api/v1/metrics',
    differences({ status: (metrics?.data as Message | undefined)?.status }, { status }),
  );
  expect(stage.judge.unexpected).toEqual([]);
  expect(stage.judge.unused).toEqual([]);
});
