import { z } from 'zod';
import { errorText, httpError } from '../http-error.ts';
import type { RestClient } from '../rest-client.ts';

/** Who has one equipment for themselves. */
export interface ListedLock {
  /** The lock is held under that session, or, where it came through none, in that name. */
  session: string;
  /** For people. */
  owner: string;
}

const held = z.looseObject({
  session_id: z.string().max(512),
  holder: z.string().max(512).optional().catch(undefined),
});
const list = z.looseObject({ exclusive_locks: z.record(z.string().max(512), held) });
const PATH = '/api/locks/all';
const TIMEOUT_MS = 5000;

/** `GET /api/locks/all`, by equipment; undefined where the server has no such list. Throws server.*, call.cancelled. */
export async function readLocks(
  rest: RestClient,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, ListedLock> | undefined> {
  const answer = await rest.answer(PATH, { signal, timeoutMs: TIMEOUT_MS });
  const { status } = answer;
  if (status === 404 || status === 405 || status === 501) return undefined;
  if (status !== 200) throw httpError(`GET ${PATH}`, status, errorText(answer.json, answer.text));
  const said = list.safeParse(answer.json);
  if (!said.success) return undefined;
  const locks = Object.entries(said.data.exclusive_locks);
  return new Map(
    locks.map(([id, { session_id, holder }]) => [id, { session: session_id, owner: holder || session_id }]),
  );
}
