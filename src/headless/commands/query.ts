import { attachOptionFlags, attachOptionsOf } from '../attach-options.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { openScreen } from '../screen.ts';

/** Asks once, without attaching: `labwire query 192.168.1.20:5555 '*IDN?'` prints the bare reply. */
export const query: Command = {
  name: 'query',
  usage: 'RESOURCE SCPI… [--timeout 2s] [--as FAMILY] [--baud N] [--termination END]',
  summary: 'Sends a command; one with a ? prints the bare reply.',
  options: {
    timeout: { type: 'string', value: 'TIME', about: 'how long to wait for the reply' },
    ...attachOptionFlags,
  },
  positionals: [2, 100],
  async run(args, { out, signal, ...shell }) {
    const timeoutMs = args.durationMs('timeout');
    const options = attachOptionsOf(args);
    await using screen = await openScreen(args, { out, signal, ...shell });
    const [resource = '', ...words] = args.positionals;
    const { reply, roundTripMs } = await screen.client.call(
      'resource.query',
      {
        resource,
        text: words.join(' '),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(options ? { options } : {}),
      },
      { signal },
    );
    if (args.flag('json')) await out.json({ reply, roundTripMs });
    else if (reply !== null) await out.line(reply);
    return EXIT.done;
  },
};
