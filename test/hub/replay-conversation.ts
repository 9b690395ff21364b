import type { Names } from './lablink-recorded.ts';
import type { ReplayJudge } from './replay-judge.ts';
import { differences, type Message, type RecordedLine } from './replay-recording.ts';
import type { Handshake, ReplayTalk } from './replay-talk.ts';

/** How a dialect's client finds out that everything it asked is answered, and what comes without having been asked for. */
export interface ConversationRules {
  /** A request and the type of its answer; others with the answer's type stand before it only if they were asked for. */
  marker: { text: string; answer: string } | undefined;
  /** Answers after the marker's that belong to it. */
  tail: number;
  isUnasked(message: Message, asked: string): boolean;
  /** What may come here unasked beside what came there: `event of status`, which tells of a bench of our own. */
  more: readonly string[];
  /** Of these the recording shows the first few; how many there were it says at the end. */
  abbreviated: readonly string[];
}

const nameOf = ({ type, channel }: Message): string => String(type ?? `event of ${String(channel)}`);
const orderOf = (messages: readonly Message[]): string => messages.map(nameOf).join(', ') || 'nothing';

/** One connection of a recording while it is being replayed: what was said there, and what is said here. */
export class ReplayConversation {
  readonly talk: ReplayTalk;
  readonly #judge: ReplayJudge;
  readonly #names: Names;
  readonly #rules: ConversationRules;
  readonly #unasked: Message[] = [];
  #first: Message | undefined;
  /** What is being answered, and the answers it had. */
  #asked = 'open';
  #answers: Message[] = [];
  #from = 0;

  constructor(talk: ReplayTalk, parts: { judge: ReplayJudge; names: Names; rules: ConversationRules }) {
    this.talk = talk;
    this.#judge = parts.judge;
    this.#names = parts.names;
    this.#rules = parts.rules;
  }

  /** Compares how the handshake was answered; true: it is open here, and was there. */
  async handshake(line: RecordedLine): Promise<boolean> {
    const where = `handshake ${line.tag ?? ''}`.trim();
    const { body, ...ours } = await this.talk.handshake();
    const data = line.data as Message;
    const wasRefused = line.kind === 'refused';
    const theirs = wasRefused ? { status: data.http_status, extensions: null, subprotocol: null } : data;
    this.#judge.note(where, differences(offersSorted(theirs), offersSorted(ours)));
    if (wasRefused && body !== data.body) this.#judge.note(where, [`body: ${body}`]);
    return ours.status === 101 && !wasRefused;
  }

  /** The recorded server said this. */
  said(message: Message): void {
    this.#first ??= message;
    if (this.#rules.isUnasked(message, this.#asked)) this.#unasked.push(message);
    else this.#answers.push(message);
  }

  /** The recorded client said this: what it said before has had its answers, and now this is said here. */
  async say({ kind, data }: RecordedLine): Promise<void> {
    await this.judgeAnswers();
    const text = this.#names.in(String(data));
    this.#asked = kind === 'binary' ? 'binary' : (/"type": *"(\w+)"/.exec(text)?.[1] ?? text);
    this.#from = this.talk.heard.length;
    this.talk.socket.send(kind === 'binary' ? Buffer.from(text, 'hex') : text);
  }

  /** Compares all answers since the last message of the client with those recorded: how many, in which order, each. */
  async judgeAnswers(): Promise<void> {
    const expected = this.#answers;
    this.#answers = [];
    const ours = await this.#answersHere(expected);
    if (orderOf(expected) !== orderOf(ours))
      this.#judge.note(this.#asked, [`${orderOf(expected)} there, ${orderOf(ours)} here`]);
    if (expected.length !== ours.length) return;
    for (const [index, theirs] of expected.entries()) {
      this.#judge.note(`${this.#asked} → ${nameOf(theirs)}`, differences(this.#names.in(theirs), ours[index]));
      if (typeof theirs.token === 'string') this.#names.set(theirs.token, String(ours[index]?.token));
    }
  }

  /** Compares what came unasked: each of a kind with the recorded one of its place, all by their number. */
  async judgeUnasked(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await this.talk.settled();
    const first = this.talk.heard[0];
    if (this.#first && first && nameOf(this.#first) !== nameOf(first))
      this.#judge.note('first', [`${nameOf(this.#first)} there, ${nameOf(first)} here`]);
    const ours = this.talk.heard.filter((message) => this.#rules.isUnasked(message, ''));
    for (const name of new Set([...this.#unasked, ...ours].map(nameOf))) {
      const there = this.#unasked.filter((message) => nameOf(message) === name);
      const here = ours.filter((message) => nameOf(message) === name);
      const isExpected = there.length > 0 || ![...this.#rules.more, ...this.#rules.abbreviated].includes(name);
      if (!isExpected) continue;
      // A timer of the server need not have begun when the client came.
      const isCounted = !this.#rules.abbreviated.includes(name);
      if ((isCounted && Math.abs(there.length - here.length) > 1) || there.length * here.length === 0)
        this.#judge.note(name, [`${there.length} there, ${here.length} here`]);
      for (const [index, message] of here.entries())
        if (there[index]) this.#judge.note(name, differences(there[index], message));
    }
  }

  /** The recorded client left after so many messages in all. */
  judgeTotal({ data }: RecordedLine): void {
    const { messages } = data as { messages: number };
    const { length } = this.talk.heard;
    // There each value is late by the time it took to read it.
    if (Math.abs(length - messages) > 2 + messages * 0.05)
      this.#judge.note('in all', [`${messages} there, ${length} here`]);
  }

  /** The recorded connection ended. */
  judgeClose({ data }: RecordedLine): void {
    const there = (data as { code: number | null }).code ?? 'without a close frame';
    const here = this.talk.closed?.code ?? 'open';
    if (there !== here) this.#judge.note('close', [`${there} there, ${here} here`]);
  }

  async #answersHere(expected: readonly Message[]): Promise<Message[]> {
    const said = (): Message[] =>
      this.talk.heard.slice(this.#from).filter((message) => !this.#rules.isUnasked(message, this.#asked));
    const { marker, tail } = this.#rules;
    if (!marker) return said();
    // Answers come in order: whatever came before the marker's is all there is.
    const isMarker = ({ type }: Message): boolean => type === marker.answer;
    const count = expected.filter(isMarker).length + 1;
    const isHere = (): boolean =>
      said().filter(isMarker).length >= count && said().slice(said().findLastIndex(isMarker)).length > tail;
    if (this.talk.closed === undefined) this.talk.socket.send(marker.text);
    await this.talk.until(`${this.#asked} is answered`, () => isHere() || this.talk.closed !== undefined);
    return this.talk.closed ? said() : said().slice(0, said().findLastIndex(isMarker));
  }
}

/** The parameters of an extension stand in any order. */
function offersSorted(answer: Partial<Handshake> | Message): Message {
  return { ...answer, extensions: String(answer.extensions).split('; ').sort().join('; ') };
}
