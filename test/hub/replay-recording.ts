import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A line of a recorded conversation of a power meter or of NeuroGraph. */
export interface RecordedLine {
  /** Seconds since the begin. */
  t: number;
  /** From the client, from the server, about the connection. */
  dir: '->' | '<-' | '--';
  kind: string;
  /** Which of several connections; absent: the only one. */
  tag?: string;
  data: unknown;
}

export type Message = Record<string, unknown>;

const FIXTURES = join(import.meta.dirname, '../fixtures/lab');

/** Every line of a recording (`neurograph/002-auth.jsonl`). */
export function recordedLines(file: string): RecordedLine[] {
  const lines = readFileSync(join(FIXTURES, file), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as RecordedLine);
}

/** Keys whose values are words of the protocol: they must be the same. Of all other values the kind must be. */
const WORDS = new Set(
  'type message reason channel channels denied event_type user_id reconnected expires_in error_count recoverable status module detail success connected service scopes'.split(
    ' ',
  ),
);

/** What of an answer is not as recorded, one line each: `key: there, here`. Keys that are more or fewer, values of another kind, other words. */
export function differences(theirs: unknown, ours: unknown, path = ''): string[] {
  if (isObject(theirs) && isObject(ours)) {
    const keys = [...new Set([...Object.keys(theirs), ...Object.keys(ours)])];
    return keys.flatMap((name) => {
      const at = path === '' ? name : `${path}.${name}`;
      if (!Object.hasOwn(ours, name)) return [`${at} is missing`];
      if (!Object.hasOwn(theirs, name)) return [`${at} is more`];
      return differences(theirs[name], ours[name], at);
    });
  }
  const render = WORDS.has(path) ? JSON.stringify : kindOf;
  const [there, here] = [render(theirs), render(ours)];
  if (there === here) return [];
  return [`${path}: ${there} there, ${here} here`];
}

/** A kind of value, as far as a client may rely on it. */
function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `list of ${[...new Set(value.map(kindOf))].join(', ') || 'nothing'}`;
  // A whole number may stand for any: what is measured happens to be one.
  if (typeof value === 'number') return 'number';
  if (typeof value !== 'string') return typeof value;
  if (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value)) return 'time in UTC';
  if (/^\d{4}-\d\d-\d\dT[\d:.]+$/.test(value)) return 'time without a zone';
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(value)) return 'UUID';
  if (/^[\w-]{43}$/.test(value)) return 'token';
  return 'text';
}

function isObject(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
