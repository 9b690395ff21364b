import { LabError } from '../../core/errors.ts';

const HELP = [
  'release_stop: ends the emergency stop; outputs stay off',
  'Commands of an instrument go to that instrument: choose it.',
].join('\n');

/** A word for the server itself that is answered here: `help`. Throws server.unsupported for any other: the protocol has no commands without an equipment but the ones it names. */
export function serverWord(text: string): string {
  const word = text.trim();
  if (word === 'help') return HELP;
  throw new LabError(
    'server.unsupported',
    `“${word.slice(0, 40)}” is no command of the server itself. Nothing was sent. ${HELP.replace('\n', '. ')}`,
  );
}
