import type { Client } from '../contract/client.ts';
import type { ServerRecordingRow } from '../contract/server-schema.ts';
import { LabError } from '../core/errors.ts';
import type { Output } from './output.ts';

export interface ServerRecordingWish {
  /** `start`, `stop` or `list`; anything else is refused. */
  what: string;
  name: string | undefined;
  format: string | undefined;
}

/** Begins, ends or lists recordings a lab server of the bench makes at its own place. Throws call.invalid, server.*. */
export async function recordAtServer(
  client: Client,
  server: string,
  { what, name, format }: ServerRecordingWish,
  isJson: boolean,
  out: Output,
): Promise<void> {
  const say = (answer: object, line: string): Promise<void> => (isJson ? out.json(answer) : out.line(line));
  switch (what) {
    case 'start': {
      const wish = { ...(name === undefined ? {} : { name }), ...(format === undefined ? {} : { format }) };
      const started = await client.call('server.startRecording', { server, ...wish });
      await say(started, `Recording ${started.name} at the server, into ${started.file}`);
      return;
    }
    case 'stop': {
      if (name === undefined) throw invalid('Which one? --name says it; --record list names those that run.');
      const stopped = await client.call('server.stopRecording', { server, name });
      await say(stopped, lineOf(stopped));
      return;
    }
    case 'list': {
      const { recordings } = await client.call('server.recordings', { server });
      if (isJson) await out.json(recordings);
      else if (recordings === null) await out.line('The server tells this login of no recordings.');
      else for (const one of recordings) await out.line(lineOf(one));
      return;
    }
    default:
      throw invalid(`--record ${what.slice(0, 40)} is none of start, stop, list.`);
  }
}

function lineOf({ name, file, durationS, messages, bytes }: ServerRecordingRow): string {
  return `${name}  ${file}  ${durationS.toFixed(1)} s  ${messages} messages  ${bytes} bytes`;
}

function invalid(text: string): LabError {
  return new LabError('call.invalid', `${text} Nothing was changed.`);
}
