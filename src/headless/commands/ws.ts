import { LabError } from '../../core/errors.ts';
import { benchCodecs } from '../../engine/lab/codec-bench.ts';
import { accessToken } from '../access-token.ts';
import type { Arguments, Command, Shell } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { codecLines } from '../messages/codec-lines.ts';
import type { MessageFormat } from '../messages/message-lines.ts';
import { MESSAGE_FORMATS, messageText } from '../messages/message-lines.ts';
import type { MessagePrompt } from '../messages/message-prompt.ts';
import { openPrompt, PROMPT_COMMANDS } from '../messages/message-prompt.ts';
import { MessageSession } from '../messages/message-session.ts';
import { aborted } from '../stop.ts';

/** Messages that wait for a slow reader; beyond, the oldest are dropped and counted. */
const WAITING = 10_000;

/** A WebSocket of channels by hand: shows what comes, subscribes, pings. */
export const ws: Command = {
  name: 'ws',
  usage:
    '--url URL [--token TOKEN|-] [--subscribe a,b] [--format pretty|json|compact] [--interactive], or bench [--iterations N]',
  summary:
    'Connects to a WebSocket of channels and prints its messages until stopped; bench measures the codecs on this machine.',
  options: {
    url: { type: 'string', value: 'URL', about: 'ws://host:port/path' },
    token: { type: 'string', value: 'TOKEN', about: 'access token; - reads it from stdin (default: LABWIRE_TOKEN)' },
    subscribe: { type: 'string', value: 'A,B', about: 'channels, at each connection' },
    format: {
      type: 'string',
      value: 'FORMAT',
      about: 'pretty, json (one message a line) or compact (default: pretty)',
    },
    verbose: { type: 'boolean', about: 'what is sent, and what happens to the connection, on stderr' },
    iterations: { type: 'string', value: 'N', about: 'of bench (default: 1000)' },
    interactive: { type: 'boolean', about: `commands from the keyboard: ${PROMPT_COMMANDS}` },
  },
  positionals: [0, 1],
  async run(args, shell) {
    const [mode] = args.positionals;
    if (mode === 'bench') return printBench(args, shell);
    if (mode !== undefined)
      throw new LabError(
        'call.invalid',
        `labwire ws knows no "${mode}"; there is bench. The address is given by --url.`,
      );
    const url = args.need('url');
    const format = formatOf(args);
    const isInteractive = args.flag('interactive');
    if (isInteractive && args.text('token') === '-')
      throw new LabError(
        'call.invalid',
        '--token - and --interactive both read stdin. Give the token in LABWIRE_TOKEN.',
      );
    const token = await accessToken(args.text('token'));
    const isColoured = process.stdout.isTTY === true && !process.env.NO_COLOR;
    let prompt: MessagePrompt | undefined;
    const queue = new PrintQueue((text) => {
      const write = (): Promise<void> => shell.out.line(text);
      return prompt ? prompt.print(write) : write();
    });
    const session: MessageSession = new MessageSession({
      url,
      token,
      channels: (args.text('subscribe') ?? '').split(/[\s,]+/).filter((name) => name !== ''),
      onMessage: (message) => {
        queue.add(messageText(message, format, isColoured, new Date()));
        const roundTrip = session.takeRoundTrip();
        if (roundTrip !== undefined && format !== 'json') queue.add(`  round trip ${roundTrip.toFixed(1)} ms`);
      },
      onLog: (text) => {
        if (args.flag('verbose')) shell.say(`${new Date().toISOString()} ${text}`);
      },
    });
    await using _ = session;
    await Promise.race([session.open(), aborted(shell.signal)]);
    if (isInteractive) prompt = openPrompt(session, (text) => shell.say(text));
    using __ = { [Symbol.dispose]: () => prompt?.[Symbol.dispose]() };
    await Promise.race([session.over, aborted(shell.signal), ...(prompt ? [prompt.done] : [])]);
    // First nothing more comes, then what came is written.
    await session[Symbol.asyncDispose]();
    await queue.written;
    reportDropped(queue, shell);
    return EXIT.done;
  },
};

async function printBench(args: Arguments, shell: Shell): Promise<number> {
  const results = await benchCodecs(args.whole('iterations', 1, 10_000) ?? 1000, shell.signal);
  if (args.flag('json')) for (const result of results) await shell.out.json(result);
  else for (const line of codecLines(results)) await shell.out.line(line);
  return EXIT.done;
}

function formatOf(args: Arguments): MessageFormat {
  const text = args.text('format') ?? (args.flag('json') ? 'json' : 'pretty');
  const format = MESSAGE_FORMATS.find((known) => known === text);
  if (format) return format;
  throw new LabError('call.invalid', `--format is "${text}"; there are ${MESSAGE_FORMATS.join(', ')}.`);
}

function reportDropped({ dropped }: PrintQueue, shell: Shell): void {
  if (dropped > 0) shell.say(`${dropped} messages were dropped: they came faster than they were read.`);
}

/** Writes lines one after the other; a reader slower than the server loses the oldest. */
class PrintQueue {
  dropped = 0;
  written: Promise<void> = Promise.resolve();
  readonly #write: (text: string) => Promise<void>;
  #waiting: string[] = [];
  #isWriting = false;

  constructor(write: (text: string) => Promise<void>) {
    this.#write = write;
  }

  add(text: string): void {
    this.#waiting.push(text);
    if (this.#waiting.length > WAITING) {
      this.#waiting.shift();
      this.dropped++;
    }
    if (!this.#isWriting) this.written = this.#run();
  }

  async #run(): Promise<void> {
    this.#isWriting = true;
    for (let text = this.#waiting.shift(); text !== undefined; text = this.#waiting.shift()) await this.#write(text);
    this.#isWriting = false;
  }
}
