import { z } from 'zod';
import { encodeFromScreen } from './envelope.ts';

/**
 * What a page of the hub says over its link when it has renewed its login: a tell that the hub takes for itself and never passes on. Without it the link
 * ends when the token it was opened with runs out.
 */
export const RENEW_LOGIN = 'login.renew';

/** Input of RENEW_LOGIN. */
export const loginRenewal = z.object({ token: z.string().min(1).max(8000) });

/** The message with the new access token. */
export function encodeLoginRenewal(token: string): string {
  return encodeFromScreen({ type: 'tell', call: RENEW_LOGIN, input: { token } });
}
