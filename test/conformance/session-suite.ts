import { LabError } from '../../src/core/errors.ts';
import type { SeededRandom } from '../../src/core/seeded-random.ts';
import type { Priority, Session } from '../../src/engine/session/session.ts';
import type { FaultTally } from './faulty-instrument.ts';

/** A question whose answer no other question has. */
export interface FaultQuestion {
  text: string;
  answer: string;
}

export interface FaultRun {
  random: SeededRandom;
  /** Runs until so many faults were done. */
  faults: number;
  tally: FaultTally;
  /** Opens a session; called again after one closed. */
  open(): Promise<Session>;
  workers: number;
  /** Queries say which form a token has, as those of drivers do. */
  isFormKnown: boolean;
  /** What is asked; default: `ECHO?` with the number as a token. */
  question?: (number: number) => FaultQuestion;
  /** Lets some time of the clock pass; a system clock needs none. */
  pass?: (ms: number) => Promise<void>;
}

export interface FaultResult {
  /** Answered rightly while there were faults. */
  right: number;
  /** Questions asked meanwhile that met no fault, and ended neither by time nor by whoever ordered that. */
  unharmed: number;
  wrong: string[];
  failed: Map<string, number>;
  sessions: number;
  /** Errors of a kind no query may end with. */
  odd: string[];
}

/** Not of the instrument: nobody could have answered in time, or the caller or another one ended it. */
const ENDED = ['transport.timeout', 'call.cancelled', 'safety.refused'];
const ALLOWED = new Set([
  'safety.refused',
  'transport.timeout',
  'transport.closed',
  'protocol.malformed',
  'protocol.too-long',
  'call.cancelled',
  'instrument.detached',
]);
const PRIORITIES: readonly Priority[] = ['safety', 'person', 'poll', 'background'];

/** Of all runs together: one fault may cost its neighbours, too. */
export function totalOf(results: readonly FaultResult[], count: 'right' | 'unharmed'): number {
  return results.reduce((sum, result) => sum + result[count], 0);
}

/** Form of an answer, as a driver knows it: it says nothing about which question it belongs to. */
const isToken = (reply: string): boolean => /^t[0-9a-f]{12}$/.test(reply);

function echoToken(number: number): FaultQuestion {
  const answer = `t${number.toString(16).padStart(12, '0')}`;
  return { text: `ECHO? ${answer}`, answer };
}

/**
 * Several callers ask at once, each query with an answer of its own, alone or in transactions, some cancelled. Whoever gets another answer than the
 * right one got a wrong answer.
 */
export async function runFaults(run: FaultRun): Promise<FaultResult> {
  const result: FaultResult = { right: 0, unharmed: 0, wrong: [], failed: new Map(), sessions: 1, odd: [] };
  const { question = echoToken } = run;
  const expect = run.isFormKnown ? { expect: isToken } : {};
  let number = 0;
  let session = await run.open();
  let reopening: Promise<void> | undefined;
  const ask = async (query: (text: string) => Promise<string>): Promise<void> => {
    const { text, answer } = question(++number);
    const reply = await query(text);
    if (reply === answer) result.right++;
    else result.wrong.push(`${text} got ${reply}, not ${answer}`);
  };
  const reopen = async (): Promise<void> => {
    await session[Symbol.asyncDispose]();
    session = await run.open();
    result.sessions++;
  };
  const work = async (): Promise<void> => {
    while (run.tally.total < run.faults) {
      const current = session;
      const controller = new AbortController();
      const options = {
        priority: PRIORITIES[run.random.below(4)] as Priority,
        signal: controller.signal,
        ...expect,
      };
      const steps = run.random.below(4);
      const asking =
        steps === 0
          ? current.transaction(async (wire) => {
              for (let step = 0; step < 3; step++)
                await ask(async (text) => (await wire.query(text, undefined, expect.expect)).text);
            }, options)
          : ask((text) => current.query(text, options));
      if (run.random.below(12) === 0) queueMicrotask(() => controller.abort());
      try {
        await asking;
      } catch (error) {
        const code = error instanceof LabError ? error.code : String(error);
        result.failed.set(code, (result.failed.get(code) ?? 0) + 1);
        if (!ALLOWED.has(code)) result.odd.push(String(error));
      }
      if (current.closeReason && current === session) {
        reopening ??= reopen().finally(() => {
          reopening = undefined;
        });
      }
      await reopening;
    }
  };
  const workers = Promise.all(Array.from({ length: run.workers }, work));
  let isDone = false;
  void workers.finally(() => {
    isDone = true;
  });
  if (run.pass) while (!isDone) await run.pass(500);
  await workers;
  const { right } = result;
  const ended = ENDED.reduce((sum, code) => sum + (result.failed.get(code) ?? 0), 0);
  result.unharmed = number - run.tally.total - ended;
  // Once the instrument behaves, everything is answered again: no session is left out of step.
  run.tally.isHealthy = true;
  const healthy = (async () => {
    for (let asked = 0; asked < 20; ) {
      if (session.closeReason) await reopen();
      const before = result.right;
      await ask((text) => session.query(text, expect)).catch(() => {});
      if (result.right > before) asked++;
    }
    await session[Symbol.asyncDispose]();
  })();
  let isHealthy = false;
  void healthy.finally(() => {
    isHealthy = true;
  });
  if (run.pass) while (!isHealthy) await run.pass(500);
  await healthy;
  return { ...result, right };
}
