import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PASSWORD } from './access-bench.ts';
import type { HubLab } from './hub-harness.ts';
import { type Answer, ask } from './lablink-probe.ts';

/** A line of a recorded conversation with the public server. */
export interface Line {
  kind: string;
  dir?: string;
  method?: string;
  path?: string;
  auth?: boolean;
  request?: unknown;
  status?: number;
  response?: unknown;
  msg?: unknown;
  note?: string;
}

const FIXTURES = join(import.meta.dirname, '../fixtures/lab/lablink');

export function recorded(name: string): Line[] {
  const lines = readFileSync(join(FIXTURES, name), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Line);
}

/** Ids of the recording and those of this run: what the public server called something, and what ours calls it. */
export class Names {
  readonly #ours = new Map<string, string>();

  set(theirs: string, ours: string): void {
    this.#ours.set(theirs, ours);
  }

  /** The same value with every known id replaced, keys and parts of texts too. */
  in<T>(value: T): T {
    let text = JSON.stringify(value);
    if (text === undefined) return value;
    for (const [theirs, ours] of this.#ours) text = text.replaceAll(theirs, JSON.stringify(ours).slice(1, -1));
    return JSON.parse(text) as T;
  }

  /** Learns ids from two answers to the same request. */
  learn(theirs: unknown, ours: unknown): void {
    if (typeof theirs !== 'object' || typeof ours !== 'object' || !theirs || !ours) return;
    for (const [key, value] of Object.entries(theirs)) {
      const own = (ours as Record<string, unknown>)[key];
      if (/_id$/.test(key) && typeof value === 'string' && typeof own === 'string' && value !== own) {
        if (/^(session|acquisition|alarm|event|user|role|key)_id$/.test(key)) this.set(value, own);
      } else this.learn(value, own);
    }
  }
}

/** What of a recorded answer is not in ours: keys that are missing, and values of another type. Null fits everything. */
export function missing(theirs: unknown, ours: unknown, path = ''): string[] {
  if (theirs === null || theirs === undefined || ours === null) return [];
  if (typeof theirs !== typeof ours || Array.isArray(theirs) !== Array.isArray(ours))
    return [`${path}: ${kindOf(theirs)} there, ${kindOf(ours)} here`];
  if (Array.isArray(theirs)) {
    const own = (ours as unknown[])[0];
    return theirs.length === 0 || own === undefined ? [] : missing(theirs[0], own, `${path}[]`);
  }
  if (typeof theirs !== 'object') return [];
  return Object.entries(theirs).flatMap(([key, value]) => {
    const at = path === '' ? key : `${path}.${key}`;
    if (!Object.hasOwn(ours as object, key)) return [`${at}: missing`];
    return missing(value, (ours as Record<string, unknown>)[key], at);
  });
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : typeof value;
}

/** Asks our hub what the recording asked. */
export async function replay(
  hub: HubLab,
  names: Names,
  tokens: { access: string; refresh: string },
  line: Line,
): Promise<Answer> {
  const { method = 'GET', path = '', request } = line;
  const body = names.in(request) as Record<string, unknown> | null | undefined;
  if (body && body.password === '<admin-password>') body.password = PASSWORD;
  if (body && body.refresh_token !== undefined) body.refresh_token = tokens.refresh;
  // Of the public server most needs no login; ours is asked with one, except where the recording shows what happens without.
  const isWithout = line.auth === false && line.status === 401 && /\/security\//.test(path);
  const answer = await ask(hub, method, names.in(path), {
    token: isWithout ? '' : tokens.access,
    ...(body === null || body === undefined ? {} : { body }),
  });
  if (typeof answer.json.refresh_token === 'string') {
    tokens.refresh = answer.json.refresh_token;
    tokens.access = String(answer.json.access_token);
  }
  if (line.status === answer.status) names.learn(line.response, answer.json);
  return answer;
}

/** A name for a recorded request, without what differs from run to run. */
export function requestName({ method, path = '', request }: Line): string {
  const plain = path
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '*')
    .replace(/(alarm|event|job|exec)_[0-9a-f]{8}/g, '*')
    .replace(/(scope|ps|load)_[0-9a-f]{8}/g, '$1');
  const { action } = (request ?? {}) as { action?: string };
  return `${method} ${plain}${action === undefined ? '' : ` ${action}`}`;
}
