import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text as readText } from 'node:stream/consumers';
import { builtFiles } from '../../src/headless/built-files.ts';
import { runCommandLine } from '../../src/headless/command-line.ts';
import { createOutput } from '../../src/headless/output.ts';

const CLI = join(import.meta.dirname, '..', '..', 'out', 'main', 'cli.js');

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A command of the built command line in a process of its own. */
export class LabwireProcess {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly done: Promise<Outcome>;
  readonly #waiting = new Set<() => void>();

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    if (!existsSync(CLI)) throw new Error(`${CLI} is missing: npm run build`);
    this.child = spawn(process.execPath, [CLI, ...args], {
      env: { ...process.env, LABWIRE_LAUNCHER_PID: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.on('data', (chunk) => this.#heard(() => (this.stdout += chunk)));
    this.child.stderr?.on('data', (chunk) => this.#heard(() => (this.stderr += chunk)));
    this.done = once(this.child, 'close').then(([code]) => {
      this.#heard(() => {});
      return { code, stdout: this.stdout, stderr: this.stderr };
    });
  }

  /** Resolves when so many lines stand on stdout. */
  async lines(count: number): Promise<string[]> {
    const lines = (): string[] => this.stdout.split('\n').slice(0, -1);
    await this.#until(() => lines().length >= count);
    return lines().slice(0, count);
  }

  /** Resolves when stderr matches. */
  async said(pattern: RegExp): Promise<void> {
    await this.#until(() => pattern.test(this.stderr));
  }

  /** Ends it as Ctrl-C does. */
  stop(signal: NodeJS.Signals = 'SIGINT'): Promise<Outcome> {
    this.child.kill(signal);
    return this.done;
  }

  async #until(isThere: () => boolean): Promise<void> {
    while (!isThere()) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`ended early (${this.child.exitCode}): ${this.stdout}${this.stderr}`);
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #heard(take: () => void): void {
    take();
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

/** Runs a command to its end in a process of its own. */
export function labwireProcess(...args: string[]): Promise<Outcome> {
  return new LabwireProcess(args).done;
}

/** Runs a command to its end in this process: the same command, without the quarter of a second that Node takes to load it. */
export async function labwire(...args: string[]): Promise<Outcome> {
  const stdout = new PassThrough();
  const text = readText(stdout);
  let stderr = '';
  const code = await runCommandLine(args, {
    files: builtFiles(dirname(CLI)),
    out: createOutput(stdout, () => {}),
    say: (line) => {
      stderr += `labwire: ${line}\n`;
    },
    signal: new AbortController().signal,
  });
  stdout.end();
  return { code, stdout: await text, stderr };
}

/** The objects of a `--json` output. */
export function jsonLines<T>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}
