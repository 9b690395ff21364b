import { once } from 'node:events';
import net from 'node:net';
import { openSession } from '../src/engine/session/open-session.ts';
import { createSystemClock } from '../src/engine/system-clock.ts';
import { MessageExchange } from '../src/simulator/wire/message-exchange.ts';
import { createPrologixAdapter, openPrologixServer } from '../src/simulator/wire/prologix-server.ts';
import { IS_CHILD, startOtherSide } from './adapter-process.ts';
import { printBench } from './bench-table.ts';
import { raceQueries } from './query-race.ts';

/**
 * A SCPI query through session and adapter against the same bytes over a bare socket (`++addr`, the question, `++read eoi` in one packet); both
 * ask one emulated adapter in another process, by turns. Goal: at most 1.5 × the bare round trip.
 */
const QUERIES = 1500;
const PASSES = 7;
const REPLY = '+4.98760000E+00';

if (IS_CHILD) {
  const device = {
    idn: 'Labwire,Bench,1,1',
    connect: () =>
      new MessageExchange({
        statusByte: () => 0,
        serviceRequestEnable: () => 0,
        fail: () => {},
        async execute(_message, respond) {
          respond(Buffer.from(`${REPLY}\n`), true);
        },
      }),
  };
  const ports = [];
  // One adapter each: an adapter serves one client.
  for (let count = 0; count < 2; count++) {
    const adapter = createPrologixAdapter({ instruments: [{ address: { primary: 7 }, device }] });
    ports.push((await openPrologixServer(0, adapter)).port);
  }
  process.send?.(ports);
} else await measure();

async function measure(): Promise<void> {
  const { child, hello } = await startOtherSide<[number, number]>();
  const [barePort, ourPort] = hello;
  const bare = net.connect({ host: '127.0.0.1', port: barePort, noDelay: true });
  await once(bare, 'connect');
  bare.write('++auto 0\n++eoi 1\n++eos 3\n++read_tmo_ms 256\n');

  /** What anybody writes: address, question, read; wait for the line end. */
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
      bare.write(`++addr 7\n${text}\n++read eoi\n`);
    });
  }

  await using session = await openSession({
    resource: `PRLGX-TCPIP0::127.0.0.1::${ourPort}::7::INSTR`,
    clock: createSystemClock(),
  });

  const { sessionUs, bareUs } = await raceQueries({
    session,
    bareQuery,
    reply: REPLY,
    queries: QUERIES,
    passes: PASSES,
  });
  bare.destroy();
  child.kill();

  const isMet = printBench(`query through a GPIB adapter: ${QUERIES} SCPI queries, median of ${PASSES} passes`, [
    {
      what: 'session.query: queue, lock of the adapter, end byte',
      unit: 'us',
      us: sessionUs,
      peer: 'bare ++addr, question, ++read eoi',
      theirs: bareUs,
      atMost: 1.5,
    },
  ]);
  process.exitCode = isMet ? 0 : 1;
}
