import { createInterface, type Interface } from 'node:readline';
import type { MessageSession } from './message-session.ts';

/** What can be typed. */
export const PROMPT_COMMANDS = 'ping · subscribe CHANNEL… · unsubscribe CHANNEL… · subs · quit';

export interface MessagePrompt extends Disposable {
  /** Resolves on `quit`, or at the end of the input. */
  readonly done: Promise<void>;
  /** Lets lines appear above what is being typed. */
  print(write: () => Promise<void>): Promise<void>;
}

/** Commands of a person while messages come. `say`: a line for the person. */
export function openPrompt(session: MessageSession, say: (text: string) => void): MessagePrompt {
  const isTerminal = process.stdin.isTTY === true;
  const lines = createInterface({
    input: process.stdin,
    // Without a terminal nothing is echoed into the results.
    ...(isTerminal ? { output: process.stderr, prompt: '> ' } : {}),
    terminal: isTerminal,
    historySize: 100,
  });
  const done = new Promise<void>((resolve) => lines.once('close', resolve));
  // The terminal is in raw mode: Ctrl-C comes as a key.
  let isClosed = false;
  lines.once('close', () => {
    isClosed = true;
  });
  // `quit` closes it in the middle of its own line; Node 24 throws for a prompt after that.
  const prompt = (keepsCursor = false): void => {
    if (isTerminal && !isClosed) lines.prompt(keepsCursor);
  };
  lines.on('SIGINT', () => lines.close());
  lines.on('line', (line) => {
    const answer = carryOut(line, session, lines);
    if (answer !== undefined) say(answer);
    prompt();
  });
  prompt();
  return {
    done,
    async print(write) {
      if (isTerminal) process.stderr.write('\r\u001b[K');
      await write();
      prompt(true);
    },
    [Symbol.dispose]: () => lines.close(),
  };
}

/** Gives what to say; undefined: nothing. */
function carryOut(line: string, session: MessageSession, lines: Interface): string | undefined {
  const [command = '', ...rest] = line.trim().split(/[\s,]+/);
  const channels = rest.filter((channel) => channel !== '');
  const sent = (isSent: boolean): string | undefined =>
    isSent ? undefined : 'There is no connection just now; subscriptions are asked for when it is back.';
  switch (command.toLowerCase()) {
    case '':
      return undefined;
    case 'ping':
      return sent(session.ping());
    case 'subscribe':
    case 'sub':
      return channels.length > 0 ? sent(session.subscribe(channels)) : 'subscribe what? subscribe metrics,signals';
    case 'unsubscribe':
    case 'unsub':
      return channels.length > 0 ? sent(session.unsubscribe(channels)) : 'unsubscribe what? unsubscribe metrics';
    case 'subs':
    case 'subscriptions':
      return sent(session.askSubscriptions());
    case 'quit':
    case 'exit':
      lines.close();
      return undefined;
    default:
      return `There is no "${command}". ${PROMPT_COMMANDS}`;
  }
}
