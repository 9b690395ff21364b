import type { Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { openScreen } from '../screen.ts';

/** Asks once, without attaching: `labwire query 192.168.1.20:5555 '*IDN?'` prints the bare reply. */
export const query: Command = {
  name: 'query',
  usage: 'RESOURCE SCPI… [--timeout 2s]',
  summary: 'Sends a command; one with a ? prints the bare reply.',
  options: { timeout: { type: 'string', value: 'TIME', about: 'how long to wait for the reply' } },
  positionals: [2, 100],
  async run(args, { out, signal, ...shell }) {
    const timeoutMs = args.durationMs('timeout');
    await using screen = await openScreen(args, { out, signal, ...shell });
    const [resource = '', ...words] = args.positionals;
    const { reply, roundTripMs } = await screen.client.call(
      'resource.query',
      { resource, text: words.join(' '), ...(timeoutMs === undefined ? {} : { timeoutMs }) },
      { signal },
    );
    if (args.flag('json')) await out.json({ reply, roundTripMs });
    else if (reply !== null) await out.line(reply);
    return EXIT.done;
  },
};
