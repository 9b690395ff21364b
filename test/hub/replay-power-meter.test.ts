import { afterAll, beforeAll, expect, test } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { ask } from './lablink-probe.ts';
import { Names } from './lablink-recorded.ts';
import { ReplayClock } from './replay-clock.ts';
import { type ConversationRules, ReplayConversation } from './replay-conversation.ts';
import { POWER_METER_DIFFERENCES } from './replay-differences.ts';
import { ReplayJudge } from './replay-judge.ts';
import { differences, type Message, type RecordedLine, recordedLines } from './replay-recording.ts';
import { ReplayTalk } from './replay-talk.ts';

/**
 * The recorded conversations with a power meter's server: what their client said is said to our hub over real sockets, at the times of the recording on the hub's
 * clock, and what comes is compared: keys, kinds of values, words, order, counts, how it ends.
 */
const scope = new Scope('replayed power meter');
const clock = new ReplayClock();
let hub: HubLab;

beforeAll(async () => {
  // Module 4 is the first, module 5 the second.
  hub = scope.use(
    await openHubLab({
      attach: ['supply', 'daq'],
      profiles: ['power-meter'],
      hub: { clock, roles: { anonymousReadings: true } },
    }),
  );
});

afterAll(() => scope[Symbol.asyncDispose]());

const POWER: ConversationRules = {
  marker: undefined,
  tail: 0,
  isUnasked: () => true,
  more: [],
  abbreviated: ['data'],
};
/** Each text has a heartbeat for an answer. */
const HEALTH: ConversationRules = {
  marker: { text: 'ping', answer: 'pong' },
  tail: 1,
  isUnasked: () => false,
  more: [],
  abbreviated: [],
};

/** The replay of one recording. */
class Stage {
  readonly names = new Names();
  readonly open = new Map<string, ReplayConversation>();
  readonly judge: ReplayJudge;
  readonly #startMs = clock.monotonicMs();

  constructor(file: string) {
    this.judge = new ReplayJudge(file, POWER_METER_DIFFERENCES);
  }

  connect(tag: string, url: URL): void {
    const talk = scope.use(new ReplayTalk(hub.socketUrl(url.pathname + url.search)));
    const rules = url.pathname.endsWith('/health') ? HEALTH : POWER;
    this.open.set(tag, new ReplayConversation(talk, { judge: this.judge, names: this.names, rules }));
  }

  async shake(line: RecordedLine, tag: string): Promise<void> {
    const conversation = this.open.get(tag);
    if (await conversation?.handshake(line))
      // What is measured comes in its own time.
      await conversation?.talk.until('something comes', () => conversation.talk.heard.length > 0);
    else this.open.delete(tag);
  }

  async moveTo(seconds: number): Promise<void> {
    await clock.moveTo(this.#startMs + seconds * 1000, async () => {
      for (const { talk } of this.open.values()) await talk.settled();
    });
  }
}

async function replay(stage: Stage, file: string): Promise<void> {
  for (const line of recordedLines(file)) {
    const { t, dir, kind, tag = '', data } = line;
    await stage.moveTo(t);
    const conversation = stage.open.get(tag);
    if (kind === 'open') stage.connect(tag, new URL(String(data)));
    else if (kind === 'handshake' || kind === 'refused') await stage.shake(line, tag);
    else if (dir === '->') await conversation?.say(line);
    else if (dir === '<-') conversation?.said(data as Message);
    else if (kind === 'closed') {
      await conversation?.judgeAnswers();
      await conversation?.talk.settled();
      conversation?.judgeClose(line);
    } else if (kind === 'end' && conversation) {
      await conversation.judgeAnswers();
      await conversation.judgeUnasked();
      // Of the probe of the health socket there are more, for it says more.
      if (conversation.talk.socket.url.includes('/power')) conversation.judgeTotal(line);
      conversation.talk.socket.close();
      stage.open.delete(tag);
    } else if (kind === 'http') await replayHttp(stage, data as Message);
  }
}

interface Asked {
  req: string;
  body?: unknown;
  status: number;
  resp?: Message;
  head_hex?: string;
}

/** What was asked over REST: `{req, body, status, resp}`, or `{"GET /path": [status, body]}`, or `{"POST /path": body}`. */
function askedOf(data: Message): Asked {
  if (typeof data.req === 'string') return data as unknown as Asked;
  const [[req, answer] = ['', {}]] = Object.entries(data);
  const [status, resp] = Array.isArray(answer) ? (answer as [number, Message]) : [200, answer as Message];
  return { req, status, resp, ...(req.endsWith('FAIL') ? { body: { address: 'FAIL::x' } } : {}) };
}

async function replayHttp({ judge }: Stage, data: Message): Promise<void> {
  const { req, body, status, resp, head_hex } = askedOf(data);
  const [method = '', path = ''] = req.split(' ');
  const trace = path.includes('/trace/') && !path.includes('?') ? '?module=4&channel=1&trace_type=1' : '';
  const token = await hub.token('admin');
  const answer = await ask(hub, method, path + trace, { token, ...(body ? { body } : {}) });
  judge.note(req, differences({ status }, { status: answer.status }));
  if (head_hex !== undefined) {
    const bytes = await (await fetch(hub.url() + path + trace)).arrayBuffer();
    const head = (text: string): string => text.replace(/\d+,\)/, 'N,)').trimEnd();
    const theirs = Buffer.from(head_hex, 'hex').toString('latin1');
    judge.note(req, differences({ head: head(theirs) }, { head: head(Buffer.from(bytes, 0, 128).toString('latin1')) }));
  } else if (resp !== undefined && answer.status === status) judge.note(req, differences(resp, answer.json));
  const isThere = (): boolean =>
    hub.bench.equipment.some(({ type, instrument }) => type === 'power_supply' && instrument.state === 'live');
  if (answer.status === 200 && /connect$/.test(path)) await expect.poll(isThere).toBe(path === '/connection/connect');
}

test.each([
  '001-power-normal',
  '001-power-params',
  '001-power-client-sends',
  '001-power-send-then-idle',
  '001-health',
  '001-two-clients-heartbeat',
  '001-hardware-lost',
  '001-rest',
])(
  '%s.jsonl: the hub says what was recorded, but for what is listed',
  async (name) => {
    const stage = new Stage(name);
    await replay(stage, `power-meter/${name}.jsonl`);
    expect(stage.judge.unexpected).toEqual([]);
    expect(stage.judge.unused).toEqual([]);
  },
  60_000,
);
