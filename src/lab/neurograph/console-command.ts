import { LabError } from '../../core/errors.ts';
import type { RestClient } from '../rest-client.ts';
import type { RequestQueue } from './request-queue.ts';

const CHANNELS = '/api/v1/websocket/channels';

/**
 * A line of the console: `ping`, `subs`, `subscribe a,b`, `unsubscribe a,b`, `channels`, `channel a`. Gives the server's answer as JSON text. Throws
 * server.unsupported for any other line, server.* for what the server says.
 */
export async function runCommand(requests: RequestQueue, rest: RestClient, line: string): Promise<string> {
  const [verb = '', ...names] = line.split(/[\s,]+/).filter((word) => word !== '');
  switch (verb.toLowerCase()) {
    case 'help':
      return 'ping\nsubs\nsubscribe a,b\nunsubscribe a,b\nchannels\nchannel a';
    case 'ping':
      return JSON.stringify(await requests.ask('ping'));
    case 'subs':
      return JSON.stringify(await requests.ask('get_subscriptions'));
    case 'subscribe':
    case 'unsubscribe':
      if (names.length > 0) return JSON.stringify(await requests.ask(verb.toLowerCase(), { channels: names }));
      break;
    case 'channels':
      return JSON.stringify(await rest.get(CHANNELS));
    case 'channel':
      if (names[0] !== undefined) return JSON.stringify(await rest.get(`${CHANNELS}/${encodeURIComponent(names[0])}`));
      break;
  }
  throw new LabError(
    'server.unsupported',
    'The server has no such command. Nothing was sent. It knows ping, subs, subscribe a,b, unsubscribe a,b, channels and channel a.',
  );
}
