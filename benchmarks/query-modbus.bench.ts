import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSession } from '../src/engine/session/open-session.ts';
import { createSystemClock } from '../src/engine/system-clock.ts';
import type { DeviceWire } from '../src/simulator/wire/device-wire.ts';
import { openPtyServer, ptyUnavailable } from '../src/simulator/wire/pty-server.ts';
import { openSocketServer } from '../src/simulator/wire/socket-server.ts';
import { IS_CHILD, startOtherSide } from './adapter-process.ts';
import { openBareRtu, openBareTcp, rtuFrame, tcpFrame, UNIT } from './bare-modbus.ts';
import { type BenchRow, printBench } from './bench-table.ts';
import { raceQueries } from './query-race.ts';

/**
 * Four holding registers through session, line and frame against the same frames written and read by hand; both ask one instrument in another process,
 * by turns, in this run: over TCP, and in RTU frames on pseudo-terminals, with the silence between frames that the standard has at 115,200 baud
 * (most of the time) and without. Goal: at most 1.5 × the bare round trip.
 */
const QUESTION = 'HOLD? 8,4';
const REPLY = '500,1234,4987,65535';
/** Function 3, start 8, count 4, and what answers it. */
const ASKED = Buffer.from('0300080004', 'hex');
const ANSWER = Buffer.from('030801f404d2137bffff', 'hex');

interface OtherSide {
  port: number;
  /** One terminal each: a serial line serves one client. None without socat. */
  paths: string[];
}

if (IS_CHILD) await answer();
else await measure();

/** The least instrument: every request of this bench is the same, and comes whole. */
async function answer(): Promise<void> {
  const { port } = await openSocketServer(0, (wire) => ({
    async receive(bytes) {
      void wire.send(tcpFrame(Buffer.from(bytes.buffer, bytes.byteOffset).readUInt16BE(0), ANSWER));
    },
    closed() {},
  }));
  const reply = rtuFrame(ANSWER);
  const acceptRtu = (wire: DeviceWire) => {
    let length = 0;
    return {
      async receive(bytes: Uint8Array) {
        length += bytes.length;
        if (length < ASKED.length + 3) return;
        length = 0;
        void wire.send(reply);
      },
      closed() {},
    };
  };
  const hello: OtherSide = { port, paths: [] };
  if (ptyUnavailable() === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'labwire-bench-'));
    const servers = await Promise.all(['bare', 'ours'].map((name) => openPtyServer(folder, name, acceptRtu)));
    hello.paths = servers.map(({ path }) => path);
    process.once('disconnect', async () => {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
      rmSync(folder, { recursive: true, force: true });
      process.exit();
    });
  }
  process.send?.(hello);
}

async function measure(): Promise<void> {
  const { child, hello } = await startOtherSide<OtherSide>();
  const [barePath, ourPath] = hello.paths;
  const ways = [
    {
      name: 'Modbus/TCP',
      queries: 4000,
      passes: 9,
      resource: `MODBUS-TCPIP0::127.0.0.1::${hello.port}::${UNIT}`,
      silenceMs: 0,
      openBare: () => openBareTcp(hello.port, ASKED),
    },
    ...(barePath && ourPath
      ? [0, 1.75].map((silenceMs) => ({
          name: `RTU on a pseudo-terminal, ${silenceMs} ms of silence`,
          // Slower, and of many processes: more and shorter turns.
          queries: silenceMs > 0 ? 100 : 500,
          passes: 21,
          resource: `MODBUS-ASRL0::${ourPath}::${UNIT}`,
          silenceMs,
          openBare: () => openBareRtu(barePath, ASKED, silenceMs),
        }))
      : []),
  ];
  const rows: BenchRow[] = [];
  for (const { name, queries, passes, resource, silenceMs, openBare } of ways) {
    const bare = await openBare();
    const transport = { modbus: { silenceMs } };
    await using session = await openSession({ resource, clock: createSystemClock(), transport });
    const { sessionUs, bareUs } = await raceQueries({
      session,
      bareQuery: bare.query,
      question: QUESTION,
      reply: REPLY,
      queries,
      passes,
    });
    await bare.close();
    rows.push({
      what: `session.query, ${name}: queue, trace, line, frame`,
      unit: 'us',
      us: sessionUs,
      peer: 'the bare frames',
      theirs: bareUs,
      atMost: 1.5,
    });
  }
  child.disconnect();
  const isMet = printBench('query-modbus: four registers, by turns, median of the turns', rows);
  process.exitCode = isMet ? 0 : 1;
}
