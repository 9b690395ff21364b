import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { forkVisaChild } from '../../src/engine/transport/vendor-visa/fork-visa.ts';
import type { VisaChild, VisaSpawn } from '../../src/engine/transport/vendor-visa/visa-process.ts';
import { bundleProgram } from '../fixtures/node-bundle.ts';

/** Why the library of the tests cannot be made here; undefined: it can. */
export const whyNoLibrary: string | undefined = (() => {
  if (process.platform !== 'linux') return 'the test library is written for Linux';
  return spawnSync('gcc', ['--version']).status === 0 ? undefined : 'gcc is not installed';
})();

/** A VISA library compiled for the tests. */
export interface CompiledLibrary {
  readonly library: string;
  dispose(): void;
}

/** A library, and the child that loads it. */
export interface TestLibrary extends CompiledLibrary {
  readonly spawn: VisaSpawn;
  /** Children started so far. */
  readonly children: VisaChild[];
}

export function compileTestLibrary(): CompiledLibrary {
  const folder = mkdtempSync(join(tmpdir(), 'labwire-visa-'));
  const library = join(folder, 'libvisa-test.so');
  const source = join(import.meta.dirname, '../fixtures/vendor-visa/visa.c');
  const built = spawnSync('gcc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, source, '-lpthread'], {
    encoding: 'utf8',
  });
  if (built.status !== 0) throw new Error(built.stderr);
  return { library, dispose: () => rmSync(folder, { recursive: true, force: true }) };
}

export async function buildTestLibrary(name: string): Promise<TestLibrary> {
  const { library, dispose } = compileTestLibrary();
  const child = await bundleProgram('src/engine/transport/vendor-visa/visa-child.ts', name);
  const children: VisaChild[] = [];
  return {
    library,
    children,
    spawn: () => {
      const started = forkVisaChild(child);
      children.push(started);
      return started;
    },
    dispose() {
      for (const started of children) started.kill();
      dispose();
    },
  };
}
