import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, read, rmSync, write } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import koffi from 'koffi';
import { openSession } from '../src/engine/session/open-session.ts';
import { createSystemClock } from '../src/engine/system-clock.ts';
import { openUsbtmcFile } from '../src/engine/transport/usbtmc-file/open-usbtmc-file.ts';
import { kernelUsbtmc, USBTMC_IOCTL, type UsbtmcDriver } from '../src/engine/transport/usbtmc-file/usbtmc-driver.ts';
import { printBench } from './bench-table.ts';
import { raceQueries } from './query-race.ts';

/**
 * A query through session and /dev/usbtmcN against the three calls it is made of: write(), read(), and the ioctl that tells whether the message ended.
 * Without such a device the driver's read and write are those of two named pipes to an instrument in another process, and its ioctl is a real one of the
 * pipe: every call is one of the system, on a thread of the pool. By turns, in this run. Goal: at most 1.5 × the bare calls. Beside it, without a goal:
 * write() and read() alone, which do not know where a message ends.
 */
/** Short passes by turns: a busy machine hits both alike. */
const QUERIES = 200;
const PASSES = 61;
const REPLY = '+4.98760000E+00';
/** Linux: how many bytes wait. It changes nothing. */
const FIONREAD = 0x541b;

/** The least instrument: whatever comes is answered. */
const INSTRUMENT = `
  const { openSync, readSync, writeSync } = require('node:fs');
  const [, asked, answers] = process.argv;
  const from = openSync(asked, 'r+');
  const to = openSync(answers, 'r+');
  const into = Buffer.alloc(4096);
  process.send('ready');
  for (;;) {
    readSync(from, into);
    writeSync(to, '${REPLY}\\n');
  }
`;

const folder = mkdtempSync(join(tmpdir(), 'labwire-bench-usbtmc-'));

interface Pipes {
  child: ChildProcess;
  asked: string;
  answers: string;
}

async function startInstrument(name: string): Promise<Pipes> {
  const [asked, answers] = [join(folder, `${name}-asked`), join(folder, `${name}-answers`)];
  assert.equal(spawnSync('mkfifo', [asked, answers]).status, 0);
  const child = spawn(process.execPath, ['-e', INSTRUMENT, asked, answers], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  await once(child, 'message');
  return { child, asked, answers };
}

const ioctl = koffi.load(null).func('int ioctl(int file, unsigned long request, uint8_t *argument)');
const waitingBytes = new Uint8Array(4);

/** A request that costs what one of the driver's costs. */
function askSystem(file: number): Promise<void> {
  return new Promise((resolve, reject) => {
    ioctl.async(file, FIONREAD, waitingBytes, (error: unknown, status: number) => {
      if (error || status < 0) reject(error ?? new Error('ioctl'));
      else resolve();
    });
  });
}

/** The kernel's calls on the pipes. */
function pipeDriver({ asked, answers }: Pipes): UsbtmcDriver {
  let from = 0;
  return {
    async open() {
      from = openSync(answers, 'r+');
      return openSync(asked, 'r+');
    },
    read: (_file, into) => kernelUsbtmc.read(from, into),
    write: (file, bytes) => kernelUsbtmc.write(file, bytes),
    async ioctl(file, request, argument) {
      await askSystem(file);
      if (request === USBTMC_IOCTL.messageInAttributes) argument?.fill(1);
    },
    close(file) {
      closeSync(from);
      closeSync(file);
    },
  };
}

const readFile = promisify(read);
const writeFile = promisify(write);
const into = Buffer.alloc(65_536);

/** What anybody writes. */
async function bareQuery(to: number, from: number, question: string): Promise<string> {
  await writeFile(to, Buffer.from(`${question}\n`, 'latin1'));
  const { bytesRead } = await readFile(from, into, 0, into.length, null);
  return into.toString('latin1', 0, bytesRead - 1);
}

const ours = await startInstrument('ours');
const theirs = await startInstrument('theirs');
const to = openSync(theirs.asked, 'r+');
const from = openSync(theirs.answers, 'r+');
const driver = pipeDriver(ours);
await using session = await openSession({
  clock: createSystemClock(),
  open: () => openUsbtmcFile({ path: ours.asked, canonical: 'USBTMC/dev/usbtmc0::INSTR' }, { driver }),
});

const race = { session, reply: REPLY, queries: QUERIES, passes: PASSES };
const withEnd = await raceQueries({
  ...race,
  async bareQuery(question) {
    const answer = await bareQuery(to, from, question);
    await askSystem(to);
    return answer;
  },
});
const blind = await raceQueries({ ...race, bareQuery: (question) => bareQuery(to, from, question) });

for (const { child } of [ours, theirs]) child.kill();
for (const file of [to, from]) closeSync(file);
rmSync(folder, { recursive: true, force: true });

const what = 'session.query over /dev/usbtmcN';
const isMet = printBench(`query by /dev/usbtmcN on pipes: ${QUERIES} queries, median of ${PASSES} passes`, [
  {
    what,
    unit: 'us',
    us: withEnd.sessionUs,
    peer: 'bare write(), read(), ioctl()',
    theirs: withEnd.bareUs,
    atMost: 1.5,
  },
  { what, unit: 'us', us: blind.sessionUs, peer: 'bare write(), read()', theirs: blind.bareUs },
]);
process.exitCode = isMet ? 0 : 1;
