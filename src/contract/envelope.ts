import { z } from 'zod';
import { LabError } from '../core/errors.ts';
import type { CallName } from './calls.ts';
import { CALLS } from './calls.ts';
import type { EventName } from './events.ts';
import { EVENTS } from './events.ts';
import { shareRole } from './share-schema.ts';
import { errorRecord, id, right, shortText } from './value-schema.ts';

const requestId = z.int().nonnegative();

/** In whose name the hub calls. Only a link served as trusted may say it; the rights are at most those of the link. */
export const asker = z.object({
  user: shortText.min(1),
  /** The client of the hub, the same after it came back: its locks and its `idem` belong to it. */
  client: id,
  role: shareRole,
  rights: z.array(right).max(3),
});
export type Asker = z.infer<typeof asker>;

/** What a screen may send as text. `tell` is a request without an answer. */
const fromScreen = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('request'),
    id: requestId,
    call: z.string(),
    input: z.unknown(),
    as: asker.optional(),
    /** Counted from its arrival: begun by then or never (call.expired); begun and not done by then: call.unknown. */
    deadlineMs: z.number().positive().max(3_600_000).optional(),
    /** Of the same caller within 10 min: carried out once, answered the same. For calls that change something. */
    idem: z.string().min(1).max(200).optional(),
  }),
  z.object({ type: z.literal('tell'), call: z.string(), input: z.unknown() }),
  z.object({ type: z.literal('cancel'), id: requestId }),
]);
export type FromScreen = z.infer<typeof fromScreen>;

/** What an engine may send as text. An error without an id is the last word before the link ends. */
const fromEngine = z.discriminatedUnion('type', [
  z.object({ type: z.literal('answer'), id: requestId, output: z.unknown() }),
  z.object({ type: z.literal('error'), id: requestId.nullable(), error: errorRecord }),
  z.object({
    type: z.literal('event'),
    event: z.string(),
    data: z.unknown(),
    revision: z.int().nonnegative().optional(),
  }),
]);
export type FromEngine = z.infer<typeof fromEngine>;

/** The longest text message either side accepts by default; characters. The answer to `bench.read` of a full bench is below 2 Mi. */
export const MAX_TEXT_CHARS = 8 * 1024 * 1024;

/** A text of a screen. Throws `link.malformed`. */
export function parseFromScreen(text: string, maxChars = MAX_TEXT_CHARS): FromScreen {
  return parse(fromScreen, text, maxChars);
}

/** A text of an engine. Throws `link.malformed`. */
export function parseFromEngine(text: string, maxChars = MAX_TEXT_CHARS): FromEngine {
  return parse(fromEngine, text, maxChars);
}

function parse<T>(schema: z.ZodType<T>, text: string, maxChars: number): T {
  if (text.length > maxChars) {
    throw malformed(`a message of ${text.length} characters, ${maxChars} are allowed`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed(`a message that is no JSON, beginning with ${JSON.stringify(text.slice(0, 40))}`);
  }
  const result = schema.safeParse(value);
  if (!result.success) throw malformed(`a message of no known shape (${issuesText(result.error)})`);
  return result.data;
}

function malformed(what: string): LabError {
  return new LabError('link.malformed', `The other side sent ${what}. The link is closed; nothing was done.`);
}

export function encodeFromScreen(message: FromScreen): string {
  return JSON.stringify(message);
}

/** An error's details may hold what JSON cannot say (a bigint, a circle): then they are left out, the code and text still arrive. */
export function encodeFromEngine(message: FromEngine): string {
  try {
    return JSON.stringify(message);
  } catch (cause) {
    if (message.type !== 'error') throw cause;
    return JSON.stringify({ ...message, error: { code: message.error.code, message: message.error.message } });
  }
}

export function isCallName(text: string): text is CallName {
  return Object.hasOwn(CALLS, text);
}

export function isEventName(text: string): text is EventName {
  return Object.hasOwn(EVENTS, text);
}

/** What does not fit, in one line: `channels.0: Invalid input; width: Too big`. */
export function issuesText(error: z.ZodError): string {
  const shown = error.issues.slice(0, 4).map((issue) => {
    const path = issue.path.map(String).join('.');
    return path ? `${path}: ${issue.message}` : issue.message;
  });
  if (error.issues.length > shown.length) shown.push(`and ${error.issues.length - shown.length} more`);
  return shown.join('; ');
}
