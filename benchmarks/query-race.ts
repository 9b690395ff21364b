import assert from 'node:assert/strict';
import type { Session } from '../src/engine/session/session.ts';
import { median } from './bench-table.ts';

type Ask = (text: string) => Promise<string>;

export interface QueryRace {
  session: Session;
  /** The bare round trip of the same protocol, written out. */
  bareQuery: Ask;
  /** Default `:MEAS:VOLT?`. */
  question?: string;
  reply: string;
  queries: number;
  passes: number;
}

/**
 * Asks the same question by the session and by the bare round trip, by turns, in one run. Gives the median time of a query of each, us. Asserts every
 * answer, and that none was late.
 */
export async function raceQueries(race: QueryRace): Promise<{ sessionUs: number; bareUs: number }> {
  const { session, bareQuery, question = ':MEAS:VOLT?', reply, queries, passes } = race;
  const timeUs = async (ask: Ask): Promise<number> => {
    const start = performance.now();
    for (let count = 0; count < queries; count++) assert.equal(await ask(question), reply);
    return ((performance.now() - start) * 1000) / queries;
  };
  const asked = session.stats.queries;
  const bare: number[] = [];
  const ours: number[] = [];
  for (let pass = 0; pass <= passes; pass++) {
    const bareUs = await timeUs(bareQuery);
    const sessionUs = await timeUs((text) => session.query(text));
    // The first pass warms up.
    if (pass === 0) continue;
    bare.push(bareUs);
    ours.push(sessionUs);
  }
  assert.equal(session.stats.queries - asked, (passes + 1) * queries);
  assert.equal(session.stats.timeouts, 0);
  return { sessionUs: median(ours), bareUs: median(bare) };
}
