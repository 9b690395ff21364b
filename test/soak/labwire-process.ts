import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FoundInstrument } from '../../src/contract/discovery-schema.ts';
import { isAlive, readAnnouncement } from '../../src/engine/state/data-folder.ts';
import { findRunningEngine } from '../../src/headless/running-engine.ts';
import { LabScreen } from '../lab/lab-screen.ts';

const CLI = resolve(import.meta.dirname, '../../out/main/cli.js');

/** The built `labwire` in a process of its own, as a person starts it. */
export class LabwireProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [CLI, ...args, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
    if (!this.#child.stdout) throw new Error('no standard output');
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** The next machine-readable line. */
  async line(): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('labwire ended without another line');
    return JSON.parse(value) as unknown;
  }

  /** kill -9 of `labwire serve` and of its engine, a child of it, together: nobody mends anything. Resolves when both are gone. */
  async kill(dataFolder: string): Promise<void> {
    const gone = once(this.#child, 'exit');
    const engine = await readAnnouncement(dataFolder);
    this.#child.kill('SIGSTOP');
    if (engine) process.kill(engine.pid, 'SIGKILL');
    this.#child.kill('SIGKILL');
    await gone;
    // Its parent is gone, so nobody tells.
    while (engine && isAlive(engine.pid)) await sleep(10);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await gone;
  }
}

/** `labwire bench` alone: the instruments outlive the engine. */
export async function startBench(args: readonly string[]): Promise<{
  process: LabwireProcess;
  resource(name: string): string;
}> {
  const process = new LabwireProcess(['bench', '--tcp', ...args]);
  const rows: FoundInstrument[] = [];
  while (rows.length < 5) rows.push((await process.line()) as FoundInstrument);
  return { process, resource: (name) => rows.find((row) => row.name === name)?.resources[0] ?? '' };
}

/** `labwire serve` on a data folder. */
export async function startEngine(dataFolder: string): Promise<LabwireProcess> {
  const process = new LabwireProcess(['serve', '--no-open', '--data', dataFolder]);
  await process.line();
  return process;
}

/** A screen over WebSocket on the engine of a data folder. */
export async function openScreen(dataFolder: string): Promise<LabScreen> {
  const running = await findRunningEngine(dataFolder, 'soak');
  if (!running) throw new Error('the engine does not answer');
  return LabScreen.open(running.client);
}

/** Resolves when the running recording satisfies; looks at each pulse. */
export function untilRecorded(
  screen: LabScreen,
  check: (recording: LabScreen['state']['recording']) => boolean,
): Promise<void> {
  return new Promise((done, fail) => {
    const stop = screen.client.on('engine.pulse', ({ recording }) => {
      if (recording.state === 'failed') fail(new Error(recording.error?.message));
      else if (!check(recording)) return;
      stop();
      done();
    });
  });
}
