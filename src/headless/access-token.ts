import { LabError } from '../core/errors.ts';

const MAX_BYTES = 16_384;

/**
 * The access token a person gave: `-` reads it from the standard input, so that it stands in no list of processes; none given: that of LABWIRE_TOKEN.
 * Throws call.invalid for an input that is none.
 */
export async function accessToken(option: string | undefined): Promise<string | undefined> {
  if (option === undefined || option === '') return process.env.LABWIRE_TOKEN || undefined;
  if (option !== '-') return option;
  let text = '';
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.length > MAX_BYTES)
      throw new LabError('call.invalid', 'What comes on the standard input is no token: it is too long.');
    if (text.includes('\n')) break;
  }
  const token = text.split('\n')[0]?.trim() ?? '';
  if (token === '') throw new LabError('call.invalid', 'No token came on the standard input.');
  return token;
}
