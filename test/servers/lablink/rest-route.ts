import type { Answer } from './lock-book.ts';
import type { LabLinkWorld } from './world.ts';

export interface RestCall {
  world: LabLinkWorld;
  /** Groups of the pattern, decoded. */
  parts: string[];
  body: Record<string, unknown>;
  query: URLSearchParams;
  bearer: string | undefined;
}

export type RestAnswer = Answer & { headers?: Record<string, string> };

/** `:` in a pattern is one part of the path. */
export interface RestRoute {
  method: string;
  pattern: string;
  run(call: RestCall): RestAnswer | Promise<RestAnswer>;
}

export function ok(json: unknown): RestAnswer {
  return { status: 200, json };
}

/** An uncaught error in the server: plain text. */
export const CRASH: RestAnswer = { status: 500, json: 'Internal Server Error' };

export function findRoute(
  routes: readonly RestRoute[],
  method: string,
  path: string,
): { route: RestRoute; parts: string[] } | undefined {
  for (const route of routes) {
    if (route.method !== method) continue;
    const match = new RegExp(`^${route.pattern.replaceAll(':', '([^/]+)')}$`).exec(path);
    if (match) return { route, parts: match.slice(1).map(decodeURIComponent) };
  }
  return undefined;
}
