import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type SimulatedInstrument, simulatedInstrument } from '../contract/host-messages.ts';
import { isAlive } from '../engine/state/data-folder.ts';
import { makeFolder } from '../engine/state/make-folder.ts';

/** `labwire bench` says in the data folder which instruments it runs, so that `labwire find` on the same folder lists them. */
const announcement = z.object({ pid: z.int(), instruments: z.array(simulatedInstrument) });

function pathIn(dataFolder: string): string {
  return join(dataFolder, 'simulated-bench.json');
}

/** Disposing takes it back, unless another bench has announced itself since. */
export async function announceBench(
  dataFolder: string,
  instruments: readonly SimulatedInstrument[],
): Promise<AsyncDisposable> {
  const path = pathIn(dataFolder);
  const own = `${path}.${process.pid}`;
  await makeFolder(dataFolder);
  await writeFile(own, JSON.stringify({ pid: process.pid, instruments }), { mode: 0o600 });
  await rename(own, path);
  return {
    async [Symbol.asyncDispose]() {
      if ((await readFileOf(dataFolder))?.pid === process.pid) await rm(path, { force: true });
    },
  };
}

/** The instruments of a bench that runs on this data folder; none if there is none. */
export async function announcedBench(dataFolder: string): Promise<SimulatedInstrument[]> {
  const found = await readFileOf(dataFolder);
  return found && isAlive(found.pid) ? found.instruments : [];
}

async function readFileOf(dataFolder: string): Promise<z.infer<typeof announcement> | undefined> {
  try {
    return announcement.parse(JSON.parse(await readFile(pathIn(dataFolder), 'utf8')));
  } catch {
    // None was announced, or by a Labwire that wrote it otherwise.
    return undefined;
  }
}
