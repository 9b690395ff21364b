import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

const PROGRAM = join(import.meta.dirname, '../../node_modules/wscat/bin/wscat');

/** wscat as a person uses it: what is typed goes out line by line, what comes is printed line by line. */
export class Wscat implements Disposable {
  readonly #lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #checks = new Set<() => void>();
  readonly #ended: Promise<number | null>;
  #rest = '';
  #complaints = '';

  /** Arguments as on the command line: `-c`, an address. */
  constructor(...args: string[]) {
    this.#child = spawn(process.execPath, [PROGRAM, ...args], { stdio: 'pipe' });
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#print(chunk.toString()));
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#complaints += chunk.toString();
    });
    this.#ended = new Promise((resolve) => this.#child.once('close', (code) => resolve(code)));
    void this.#ended.then(() => this.#check());
  }

  type(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Messages so far, read as JSON; without events of NeuroGraph, which have no type and come when they come. */
  get messages(): Record<string, unknown>[] {
    const all = this.#lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    return all.filter(({ type }) => type !== undefined);
  }

  /** Resolves with all messages once there are so many. */
  async until(count: number, limitMs = 20_000): Promise<Record<string, unknown>[]> {
    await new Promise<void>((resolve, reject) => {
      const done = (end: () => void): void => {
        clearTimeout(timer);
        this.#checks.delete(check);
        end();
      };
      const fail = (why: string): void =>
        done(() => reject(new Error(`${why} after ${this.messages.length} of ${count}: ${this.#complaints}`)));
      const check = (): void => {
        if (this.messages.length >= count) done(resolve);
        else if (this.#child.exitCode !== null) fail('wscat ended');
      };
      const timer = setTimeout(() => fail('nothing more'), limitMs);
      this.#checks.add(check);
      check();
    });
    return this.messages;
  }

  /** Ctrl+D; resolves with the exit code. */
  end(): Promise<number | null> {
    this.#child.stdin?.end();
    return this.#ended;
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }

  /** Each message is a line; a prompt may stand before it. */
  #print(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    this.#lines.push(...lines.map((line) => line.replace(/^(?:> )*/, '')).filter((line) => line !== ''));
    this.#check();
  }

  #check(): void {
    for (const check of [...this.#checks]) check();
  }
}
