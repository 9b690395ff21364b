import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** Run by a benchmark in a process of its own: the instruments must not share a thread with what is measured. */
export const IS_CHILD = process.env.LABWIRE_BENCH_CHILD !== undefined;

/** Starts this very program again as the other side; gives what it sends first. */
export async function startOtherSide<T>(): Promise<{ child: ChildProcess; hello: T }> {
  const child = fork(process.argv[1] ?? '', [], { env: { ...process.env, LABWIRE_BENCH_CHILD: '1' } });
  const [hello] = (await once(child, 'message')) as [T];
  return { child, hello };
}
