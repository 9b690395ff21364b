import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Whether socat is installed; CI demands it, elsewhere suites with pseudo-terminals are skipped. */
export const hasSocat = spawnSync('socat', ['-V']).status === 0;

if (!hasSocat && process.env.LABWIRE_CI) throw new Error('socat is missing, but this run demands it');

/** Two pseudo-terminals wired to each other by socat: what is written into one comes out of the other. */
export interface PtyPair extends AsyncDisposable {
  ours: string;
  theirs: string;
  /** Ends socat: both sides hang up. */
  hangUp(): Promise<void>;
}

export async function openPtyPair(): Promise<PtyPair> {
  const folder = mkdtempSync(join(tmpdir(), 'labwire-pty-'));
  const ours = join(folder, 'ours');
  const theirs = join(folder, 'theirs');
  const child: ChildProcess = spawn('socat', [`pty,raw,echo=0,link=${ours}`, `pty,raw,echo=0,link=${theirs}`], {
    stdio: 'ignore',
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  for (let tries = 0; !(existsSync(ours) && existsSync(theirs)); tries++) {
    if (tries > 6000) throw new Error('socat made no pseudo-terminals');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const hangUp = async (): Promise<void> => {
    child.kill();
    await exited;
  };
  return {
    ours,
    theirs,
    hangUp,
    async [Symbol.asyncDispose]() {
      await hangUp();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
