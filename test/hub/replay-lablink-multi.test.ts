import { afterAll, beforeAll, expect, test } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { Names, recorded } from './lablink-recorded.ts';
import { LABLINK_MULTI_DIFFERENCES } from './replay-differences.ts';
import { ReplayJudge } from './replay-judge.ts';
import { differences, type Message } from './replay-recording.ts';
import { ReplayTalk } from './replay-talk.ts';

/** Four clients of LabLink at once, as recorded: what one starts and stops, what the others get of it, and what ends a connection. */
const scope = new Scope('replayed clients of LabLink');
let hub: HubLab;

beforeAll(async () => {
  hub = scope.use(await openHubLab({ attach: ['supply'], profiles: ['lablink'] }));
});

afterAll(() => scope[Symbol.asyncDispose]());

/** `{client, dir, msg}`, `{client, dir: 'close', code}`, `{client, refused}`; a binary message is described in words. */
interface Line {
  client: string;
  dir?: string;
  msg?: unknown;
  code?: number;
  refused?: number;
}

const isData = ({ type }: Message): boolean => type === 'stream_data';
const isAnswer = (message: Message): boolean => !isData(message) && message.type !== 'capabilities';

class Client {
  readonly #talk: ReplayTalk;
  readonly #name: string;
  #from = 0;

  constructor(name: string, talk: ReplayTalk) {
    this.#name = name;
    this.#talk = talk;
  }

  get data(): Message[] {
    return this.#talk.heard.filter(isData);
  }

  get closed(): number | string {
    return this.#talk.closed?.code ?? 'open';
  }

  /** Says something and gives all answers to it. */
  async ask(message: string | Buffer): Promise<Message[]> {
    this.#from = this.#talk.heard.length;
    this.#talk.socket.send(message);
    this.#talk.socket.send('{"type":"ping"}');
    const said = (): Message[] => this.#talk.heard.slice(this.#from).filter(isAnswer);
    await this.#talk.until(`${this.#name} is answered`, () => said().at(-1)?.type === 'pong');
    return said().slice(0, -1);
  }

  untilData(count: number): Promise<void> {
    return this.#talk.until(`${this.#name} has data`, () => this.data.length >= count);
  }
}

test('ws-fixed-multi.jsonl: the hub answers as recorded, but for what is listed', async () => {
  const judge = new ReplayJudge('ws-fixed-multi', LABLINK_MULTI_DIFFERENCES);
  const names = new Names();
  names.set('ps_250e6dfe', hub.bench.equipment[0]?.id ?? '');
  const token = await hub.token('admin');
  const clients = new Map<string, Client>();
  for (const name of ['A', 'B', 'C']) {
    const talk = scope.use(new ReplayTalk(hub.socketUrl(`/ws?token=${token}`)));
    await talk.handshake();
    clients.set(name, new Client(name, talk));
  }
  const lines = recorded('ws-fixed-multi.jsonl') as unknown as Line[];
  for (const [index, line] of lines.entries()) {
    const client = clients.get(line.client);
    if (line.refused !== undefined) {
      const { status } = await scope.use(new ReplayTalk(hub.socketUrl('/ws?token=wrong'))).handshake();
      judge.note('a wrong token', differences({ status: line.refused }, { status }));
    } else if (line.dir === 'close')
      judge.note(
        `${line.client} closed`,
        line.code === client?.closed ? [] : [`${line.code} there, ${client?.closed} here`],
      );
    else if (line.dir?.startsWith('->')) {
      const text = typeof line.msg === 'string' ? line.msg : JSON.stringify(names.in(line.msg));
      const isBinary = line.dir === '->bin';
      const said = isBinary ? Buffer.from(text.replace(' as binary frame', '')) : text;
      const own = lines.slice(index + 1).filter((one) => one.client === line.client);
      const end = own.findIndex(({ dir }) => dir !== '<-');
      const theirs = own.slice(0, end < 0 ? own.length : end).map(({ msg }) => names.in(msg) as Message);
      const expected = theirs.filter(isAnswer);
      const short = text.replace(/,?"(equipment_id|stream_type)":"[^"]*"/g, '');
      const where = `${line.client} ${isBinary ? 'binary' : short}`;
      if (short.includes('500')) {
        const before = lines.slice(0, index).filter(({ client: one, dir }) => one === line.client && dir === '<-');
        judge.note(`${line.client} before it asks`, [`${before.length} there, ${client?.data.length} here`]);
      }
      const ours = (await client?.ask(said)) ?? [];
      judge.note(
        where,
        expected.length === ours.length
          ? expected.flatMap((message, at) => differences(message, ours[at]))
          : [`${expected.length} answers there, ${ours.length} here`],
      );
      // Each gets what it has asked for, as often as it wants.
      if (/"interval_ms":\d/.test(text)) await client?.untilData(client.data.length + 3);
    }
  }
  const shape = names.in(lines.find(({ msg }) => isData((msg ?? {}) as Message))?.msg);
  for (const client of clients.values()) {
    for (const message of client.data) judge.note('data', differences(shape, message));
  }
  expect(judge.unexpected).toEqual([]);
  expect(judge.unused).toEqual([]);
});
