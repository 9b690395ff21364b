import { z } from 'zod';
import { shortText } from './value-schema.ts';

/** A channel computed from others, as it comes: `V*I`, `d(x)/dt`, `integral(x)`. Channels are named in braces: `{dp832/ch1.voltage} * {dp832/ch1.current}`. */
export const mathChannel = z.object({
  /** `power`: the channel becomes `math/power`. */
  name: z.string().regex(/^[a-z][a-z0-9.-]{0,40}$/, 'a channel name is lower case letters, digits, dot and dash'),
  label: shortText,
  expression: z.string().min(1).max(1000),
  unit: z.string().max(20),
});
export type MathChannel = z.infer<typeof mathChannel>;

/** Why a channel gives nothing; '' if it does. */
export const mathState = z.object({ channel: mathChannel, problem: z.string() });
export type MathState = z.infer<typeof mathState>;
