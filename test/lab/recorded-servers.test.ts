import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Scope } from '../../src/core/scope.ts';
import { neurographRate } from '../../src/protocol/lab/neurograph-role.ts';
import { NeurographServer } from '../servers/neurograph/server.ts';
import type { NeurographVersion } from '../servers/neurograph/session.ts';
import { PowerMeterServer } from '../servers/power-meter/server.ts';

/** The test servers are held to what the real ones said: the client's side of each recording is spoken to them, and their answers are compared. */

interface Line {
  dir: '->' | '<-' | '--';
  kind: string;
  tag?: string;
  data: unknown;
}

const linesOf = (file: string): Line[] =>
  readFileSync(new URL(`../fixtures/lab/${file}`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

let scope: Scope;
beforeEach(() => {
  scope = new Scope('recorded servers test');
});
afterEach(() => scope[Symbol.asyncDispose]());

type Message = Record<string, unknown>;

/** Events of channels come when they come; ids, tokens, times and the order of a set differ each time. */
const isAnswer = (message: Message): boolean => typeof message.type === 'string' && message.type !== 'ping';

function comparable(message: Message): Message {
  const { timestamp, client_id, token, retry_after, ...rest } = message;
  const channels = Array.isArray(rest.channels) ? { channels: [...(rest.channels as string[])].sort() } : {};
  const kinds = { timestamp: typeof timestamp, client_id: typeof client_id, token: String(token ?? '').length };
  return { ...rest, ...channels, ...kinds, retry_after: typeof retry_after };
}

/** Speaks to a socket and collects its answers. */
class Talk {
  readonly answers: Message[] = [];
  readonly socket: WebSocket;
  refused: number | undefined;
  closed: number | undefined;
  readonly #over: Promise<unknown>;

  constructor(url: string) {
    this.socket = new WebSocket(url);
    this.socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as Message;
      if (isAnswer(message)) this.answers.push(message);
    });
    this.socket.on('unexpected-response', (request, response) => {
      this.refused = response.statusCode;
      request.destroy();
      this.socket.emit('close');
    });
    this.socket.on('error', () => undefined);
    this.#over = once(this.socket, 'close').then(([code]) => {
      this.closed = code as number;
    });
    scope.defer(() => this.socket.terminate());
  }

  async open(): Promise<boolean> {
    await Promise.race([once(this.socket, 'open'), this.#over]);
    return this.socket.readyState === WebSocket.OPEN;
  }

  over(): Promise<unknown> {
    return this.#over;
  }

  async has(count: number): Promise<void> {
    await expect.poll(() => this.answers.length).toBeGreaterThanOrEqual(count);
  }
}

const received = (lines: readonly Line[]): Message[] =>
  lines.filter(({ dir, kind }) => dir === '<-' && kind === 'text').map(({ data }) => data as Message);

describe('NeuroGraph', () => {
  for (const [file, version] of [
    ['neurograph/002-anonymous.jsonl', '1.0.0'],
    ['neurograph/002-v0601-anonymous.jsonl', '0.60.1'],
  ] as const satisfies readonly (readonly [string, NeurographVersion])[]) {
    test(file, async () => {
      const server = scope.use(await NeurographServer.start({ version }));
      const lines = linesOf(file);
      const expected = received(lines).filter(isAnswer).map(comparable);
      const talk = new Talk(`ws://127.0.0.1:${server.port}/ws`);
      await talk.open();
      for (const { dir, data } of lines) if (dir === '->') talk.socket.send(String(data));
      await talk.has(expected.length);
      expect(talk.answers.map(comparable)).toEqual(expected);
    });
  }

  for (const [file, version] of [
    ['neurograph/002-auth.jsonl', '1.0.0'],
    ['neurograph/002-v0601-auth.jsonl', '0.60.1'],
  ] as const satisfies readonly (readonly [string, NeurographVersion])[]) {
    test(`221-250 ${file}: who is let in, and to what`, async () => {
      const server = scope.use(await NeurographServer.start({ version }));
      const lines = linesOf(file);
      const tags = [...new Set(lines.flatMap(({ tag }) => tag ?? []))];
      expect(tags.length).toBeGreaterThan(8);
      for (const tag of tags) {
        const own = lines.filter((line) => line.tag === tag);
        const talk = new Talk(`ws://127.0.0.1:${server.port}/ws?token=${await tokenFor(server, tag)}`);
        const isOpen = await talk.open();
        const refused = own.find(({ kind }) => kind === 'refused')?.data as { http_status: number } | undefined;
        expect([tag, isOpen ? undefined : talk.refused]).toEqual([tag, refused?.http_status]);
        if (!isOpen) continue;
        for (const { dir, data } of own) if (dir === '->') talk.socket.send(String(data));
        const expected = received(own).filter(isAnswer).map(comparable);
        await talk.has(expected.length);
        expect([tag, ...talk.answers.map(comparable)]).toEqual([tag, ...expected]);
      }
    });
  }

  test('neurograph/002-binary-to-server.jsonl', async () => {
    const server = scope.use(await NeurographServer.start());
    const talk = new Talk(`ws://127.0.0.1:${server.port}/ws`);
    await talk.open();
    const sent = linesOf('neurograph/002-binary-to-server.jsonl').find(({ dir }) => dir === '->')?.data;
    talk.socket.send(Buffer.from(String(sent), 'hex'));
    await talk.over();
    expect(talk.closed).toBe(1006);
  });

  test('254-258 neurograph/002-ratelimit.jsonl: how many of each kind are taken at once', async () => {
    // No time passes for the buckets, so the counts are exact; the recording had some pass while it sent.
    const server = scope.use(await NeurographServer.start({ nowMs: () => 0 }));
    for (const { kind, data } of linesOf('neurograph/002-ratelimit.jsonl')) {
      if (kind !== 'stats') continue;
      const {
        type,
        sent,
        non_limited_replies: taken,
      } = data as { type: string; sent: number; non_limited_replies: number };
      const talk = new Talk(`ws://127.0.0.1:${server.port}/ws`);
      await talk.open();
      for (let i = 0; i < sent; i++) talk.socket.send(JSON.stringify({ type, channels: ['metrics'] }));
      await talk.has(sent + 1);
      const refused = talk.answers.filter(({ retry_after }) => retry_after !== undefined).length;
      expect([type, sent - refused]).toEqual([type, neurographRate(type).capacity]);
      expect(Math.abs(sent - refused - taken)).toBeLessThanOrEqual(1);
    }
  });
});

async function tokenFor(server: NeurographServer, tag: string): Promise<string> {
  const [kind, name = ''] = tag.split(' ');
  if (kind === 'role') return server.mint(name);
  if (kind === 'expired') return server.mint('admin', 'admin', -10);
  if (kind === 'refresh-type') return server.mint('admin', 'admin', 900, 'refresh');
  if (kind !== 'login') return 'abc';
  const answer = await fetch(`${server.url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: name, password: `${name}123` }),
  });
  return ((await answer.json()) as { access_token: string }).access_token;
}

describe('power meter', () => {
  test('power-meter/001-health.jsonl', async () => {
    const server = scope.use(await PowerMeterServer.start());
    const lines = linesOf('power-meter/001-health.jsonl');
    const talk = new Talk(`ws://127.0.0.1:${server.port}/api/v1/ws/v2/health`);
    await talk.open();
    await talk.has(1);
    for (const { dir, kind, data } of lines) {
      if (dir !== '->') continue;
      const before = talk.answers.length;
      talk.socket.send(kind === 'binary' ? Buffer.from(String(data), 'hex') : String(data));
      if (kind === 'binary') await talk.over();
      else await talk.has(before + (data === 'ping' ? 2 : 1));
    }
    expect(talk.answers.map(({ type }) => type)).toEqual(received(lines).map(({ type }) => type));
    expect(talk.closed).toBe(1000);
  });

  test('118 power-meter/001-power-params.jsonl: which parameters are refused', async () => {
    const server = scope.use(await PowerMeterServer.start());
    for (const { tag, kind } of linesOf('power-meter/001-power-params.jsonl')) {
      if (tag === undefined || (kind !== 'refused' && kind !== 'handshake')) continue;
      const talk = new Talk(`ws://127.0.0.1:${server.port}/ws/power?${tag}`);
      const isOpen = await talk.open();
      expect([tag, isOpen ? 'handshake' : 'refused']).toEqual([tag, kind]);
      if (!isOpen) expect(talk.refused).toBe(403);
    }
  });

  test('105 117 power-meter/001-hardware-lost.jsonl: ten errors, a word, and no close frame', async () => {
    const server = scope.use(await PowerMeterServer.start());
    const lines = linesOf('power-meter/001-hardware-lost.jsonl');
    const end = lines.findIndex(({ kind }) => kind === 'closed');
    const expected = received(lines.slice(0, end)).filter(({ type }) => type !== 'data');
    const talk = new Talk(`ws://127.0.0.1:${server.port}/ws/power?interval=0.02`);
    await talk.open();
    await talk.has(3);
    server.state.isConnected = false;
    await talk.over();
    const said = talk.answers.filter(({ type }) => type !== 'data');
    expect(said.map(comparable)).toEqual(expected.map(comparable));
    expect(talk.closed).toBe(1006);
  });

  test('power-meter/001-rest.jsonl', async () => {
    const server = scope.use(await PowerMeterServer.start());
    let compared = 0;
    for (const { data } of linesOf('power-meter/001-rest.jsonl')) {
      const { req = '', body, status, resp } = data as { req?: string; body?: unknown; status: number; resp?: Message };
      // The spectra themselves are not read here.
      if (resp === undefined) continue;
      const [method = '', path = ''] = req.split(' ');
      const answer = await fetch(`${server.url}${path}`, {
        method,
        ...(body === null ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      });
      const said = (await answer.json()) as Message;
      expect([req, answer.status]).toEqual([req, status]);
      expect([req, shapeOf(said)]).toEqual([req, shapeOf(resp)]);
      compared++;
    }
    expect(compared).toBeGreaterThan(28);
  });
});

/** Names and kinds of values, not the values. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, item]) => [key, shapeOf(item)]),
  );
}
