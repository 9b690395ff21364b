import { readStdinLine } from './stdin-line.ts';

/**
 * The access token a person gave: `-` reads it from the standard input, so that it stands in no list of processes; none given: that of LABWIRE_TOKEN.
 * Throws call.invalid for an input that is none.
 */
export async function accessToken(option: string | undefined): Promise<string | undefined> {
  if (option === undefined || option === '') return process.env.LABWIRE_TOKEN || undefined;
  return option === '-' ? (await readStdinLine('token')).trim() : option;
}
