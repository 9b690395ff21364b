import { spawn } from 'node:child_process';

export interface PeerResult {
  /** null: it was ended here after `timeoutMs`. */
  status: number | null;
  stdout: Buffer;
  stderr: string;
}

export interface PeerOptions {
  input?: string | Uint8Array;
  /** Longest run; default 20,000. */
  timeoutMs?: number;
  env?: Record<string, string>;
}

/** Python of the system, which has the distribution's packages (python3-pyvisa-py, python3-zeroconf); another `python3` may come first in PATH. */
export const SYSTEM_PYTHON = '/usr/bin/python3';

/** Runs a program no one here wrote to its end. Throws if it cannot be started: a peer that is missing is a failure, not a skip. */
export function runPeer(program: string, args: readonly string[], options: PeerOptions = {}): Promise<PeerResult> {
  const { input, timeoutMs = 20_000, env } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'pipe', env: { ...process.env, LC_ALL: 'C.UTF-8', ...env } });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => {});
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() });
    });
    child.stdin.end(input);
  });
}

/** What it prints, as text; throws with all it said if it did not end with 0. */
export async function peerText(program: string, args: readonly string[], options?: PeerOptions): Promise<string> {
  const { status, stdout, stderr } = await runPeer(program, args, options);
  if (status === 0) return stdout.toString();
  const end = status === null ? 'was ended because it took too long' : `ended with ${status}`;
  throw new Error(`${program} ${args.join(' ')} ${end}\n${stdout.toString()}\n${stderr}`);
}

/** What a Python script prints; it is given on stdin. */
export function pythonText(script: string, args: readonly string[] = [], options?: PeerOptions): Promise<string> {
  return peerText(SYSTEM_PYTHON, ['-', ...args], { ...options, input: script });
}
