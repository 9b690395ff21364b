import { LabError } from '../core/errors.ts';

const MAX_BYTES = 16_384;

/**
 * The first line of the standard input, without its end: for secrets, which then stand in no list of processes. `what` names it in errors: `token`.
 * Throws call.invalid if there is none, or it is no such thing by its length.
 */
export async function readStdinLine(what: string): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.length > MAX_BYTES)
      throw new LabError('call.invalid', `What comes on the standard input is no ${what}: it is too long.`);
    if (text.includes('\n')) break;
  }
  const line = (text.split('\n')[0] ?? '').replace(/\r$/, '');
  if (line === '') throw new LabError('call.invalid', `No ${what} came on the standard input.`);
  return line;
}
