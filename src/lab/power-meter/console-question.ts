import { LabError } from '../../core/errors.ts';
import type { RestClient } from '../rest-client.ts';

/**
 * A line of the console: `GET /path` is asked, nothing else, because the server passes no commands to the instrument. Gives the answer as text. Throws
 * server.unsupported for any other line, server.* for what the server says.
 */
export async function askConsole(rest: RestClient, line: string, signal: AbortSignal | undefined): Promise<string> {
  if (line.trim() === 'help') return 'GET /path: any question to the server, like GET /connection/condition';
  const path = /^GET\s+(\/\S*)$/i.exec(line.trim())?.[1];
  if (path === undefined) {
    throw new LabError(
      'server.unsupported',
      'The power meter server takes no commands of the instrument. Nothing was sent. Write a question to the server like GET /connection/condition.',
    );
  }
  const { text } = await rest.request(path, { signal });
  return text;
}
