import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SerialPort } from 'serialport';
import { openSession } from '../src/engine/session/open-session.ts';
import { createSystemClock } from '../src/engine/system-clock.ts';
import { openPtyServer, ptyUnavailable } from '../src/simulator/wire/pty-server.ts';
import { IS_CHILD, startOtherSide } from './adapter-process.ts';
import { printBench } from './bench-table.ts';
import { raceQueries } from './query-race.ts';

/**
 * A SCPI query through session and serial port against the same bytes written and read by the `serialport` package itself; both ask one instrument in
 * another process, by turns, each on a pseudo-terminal of its own. Goal: at most 1.5 × the bare round trip.
 */
const QUERIES = 500;
const PASSES = 21;
const REPLY = '+4.98760000E+00';

const why = ptyUnavailable();
if (IS_CHILD) await answer();
else if (why) console.log(`query-serial: ${why}; nothing was measured`);
else await measure();

/** The least instrument, on two lines: a serial line serves one client. */
async function answer(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'labwire-bench-'));
  const reply = Buffer.from(`${REPLY}\n`);
  const servers = await Promise.all(
    ['bare', 'ours'].map((name) =>
      openPtyServer(folder, name, (wire) => ({
        async receive(bytes) {
          if (bytes.at(-1) === 10) void wire.send(reply);
        },
        closed() {},
      })),
    ),
  );
  process.once('disconnect', async () => {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    rmSync(folder, { recursive: true, force: true });
    process.exit();
  });
  process.send?.(servers.map(({ path }) => path));
}

async function measure(): Promise<void> {
  const { child, hello } = await startOtherSide<[string, string]>();
  const [barePath, ourPath] = hello;
  const bare = new SerialPort({ path: barePath, baudRate: 115_200 });
  await once(bare, 'open');

  /** What anybody writes: one line out, wait for the line end. */
  function bareQuery(text: string): Promise<string> {
    return new Promise((resolve) => {
      let reply = '';
      const onData = (bytes: Buffer): void => {
        reply += bytes.toString('latin1');
        if (!reply.endsWith('\n')) return;
        bare.off('data', onData);
        resolve(reply.slice(0, -1));
      };
      bare.on('data', onData);
      bare.write(`${text}\n`);
    });
  }

  await using session = await openSession({ resource: `ASRL${ourPath}::INSTR`, clock: createSystemClock() });
  const { sessionUs, bareUs } = await raceQueries({
    session,
    bareQuery,
    reply: REPLY,
    queries: QUERIES,
    passes: PASSES,
  });
  await new Promise((resolve) => bare.close(resolve));
  child.disconnect();

  const isMet = printBench(`query-serial: ${QUERIES} SCPI queries on a pseudo-terminal, median of ${PASSES} passes`, [
    {
      what: 'session.query: queue, correlation, trace, port',
      unit: 'us',
      us: sessionUs,
      peer: 'bare serialport round trip',
      theirs: bareUs,
      atMost: 1.5,
    },
  ]);
  process.exitCode = isMet ? 0 : 1;
}
