import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';

/** What a process holds, as the system sees it. */
export interface OpenHandles {
  /** File handles, sockets among them, of this process or another; 0 where the system does not tell. */
  files: number;
  /** Sockets, watched files and timers of this Node. */
  resources: Record<string, number>;
  /** Child processes of this process. */
  children: number[];
}

const KINDS = /TCP|UDP|Pipe|FSEvent|Process|Timeout/;

export function openHandles(): OpenHandles {
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo().sort()) {
    if (KINDS.test(kind)) resources[kind] = (resources[kind] ?? 0) + 1;
  }
  return { files: openFiles('self'), resources, children: childProcesses() };
}

/** As `openHandles`, when what was closed before is given back: Node does that in turns of its own. */
export async function quietHandles(): Promise<OpenHandles> {
  let last = '';
  for (let same = 0, turn = 0; same < 100 && turn < 20_000; turn++) {
    await nextTurn();
    const now = JSON.stringify(openHandles());
    same = now === last ? same + 1 : 0;
    last = now;
  }
  return openHandles();
}

/** What there is more of than before; a few timers are the test runner's. */
export async function leftSince(before: OpenHandles): Promise<string[]> {
  const now = await quietHandles();
  const left = Object.entries(now.resources).filter(([kind, count]) => {
    const spare = kind === 'Timeout' ? 5 : 0;
    return count > (before.resources[kind] ?? 0) + spare;
  });
  return [
    ...left.map(([kind, count]) => `${count} ${kind}`),
    ...(now.files > before.files ? [`${now.files - before.files} file handles`] : []),
    ...now.children.filter((child) => !before.children.includes(child)).map((child) => `process ${child}`),
  ];
}

/** File handles of a process. */
export function openFiles(pid: number | 'self'): number {
  return process.platform === 'linux' ? readdirSync(`/proc/${pid}/fd`).length : 0;
}

function childProcesses(): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc/self/task')
    .flatMap((task) => childrenOf(task))
    .filter((pid) => pid !== '')
    .map(Number)
    .sort((a, b) => a - b);
}

v8.setFlagsFromString('--expose-gc');
const collect: () => void = vm.runInNewContext('gc');

/** How many of the objects are still held by something. */
export function stillHeld(references: readonly WeakRef<object>[]): number {
  collect();
  return references.filter((reference) => reference.deref() !== undefined).length;
}

function childrenOf(task: string): string[] {
  try {
    return readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim().split(/\s+/);
  } catch {
    // The thread ended since it was listed; its children are another thread's now.
    return [];
  }
}
