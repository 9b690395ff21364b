import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { openSession } from '../src/engine/session/open-session.ts';
import { createSystemClock } from '../src/engine/system-clock.ts';
import { printBench } from './bench-table.ts';
import { raceQueries } from './query-race.ts';

/**
 * A SCPI query through session, HiSLIP transport and trace against the same DataEND and its answer written and read by hand over a socket; both ask one
 * instrument in another process, by turns, in this run. Goal: at most 1.5 × the bare round trip.
 */
const QUERIES = 4000;
const PASSES = 9;
const REPLY = '+4.98760000E+00';

/** The least that is a HiSLIP 1.0 instrument. Every message of this bench comes whole. */
const INSTRUMENT = `
  const net = require('node:net');
  const message = (type, parameter, text) => {
    const bytes = Buffer.alloc(16 + text.length);
    bytes.write('HS', 'latin1');
    bytes[2] = type;
    bytes.writeUInt32BE(parameter, 4);
    bytes.writeUInt32BE(text.length, 12);
    bytes.write(text, 16, 'latin1');
    return bytes;
  };
  let session = 0;
  net.createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      if (bytes[2] === 7) socket.write(message(7, bytes.readUInt32BE(4), '${REPLY}\\n'));
      else if (bytes[2] === 0) socket.write(message(1, 0x01000000 + ++session, ''));
      else if (bytes[2] === 17) socket.write(message(18, 0, ''));
      else if (bytes[2] === 15) socket.write(message(16, 0, '\\0\\0\\0\\0\\0\\x10\\0\\0'));
    });
  }).listen(0, '127.0.0.1', function () { process.send(this.address().port); });
`;

const child: ChildProcess = spawn(process.execPath, ['-e', INSTRUMENT], {
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
});
const [port] = (await once(child, 'message')) as [number];

const bare = net.connect({ host: '127.0.0.1', port, noDelay: true });
await once(bare, 'connect');
let bareId = 0xffffff00;

/** What anybody writes: one DataEND out, wait for the DataEND in, see that it is the answer. */
function bareQuery(text: string): Promise<string> {
  return new Promise((resolve) => {
    const question = Buffer.alloc(16 + text.length + 1);
    question.write('HS', 'latin1');
    question[2] = 7;
    question[3] = 1;
    question.writeUInt32BE(bareId, 4);
    question.writeUInt32BE(text.length + 1, 12);
    question.write(`${text}\n`, 16, 'latin1');
    bare.once('data', (bytes: Buffer) => {
      assert.equal(bytes.readUInt32BE(4), bareId);
      bareId = (bareId + 2) >>> 0;
      resolve(bytes.toString('latin1', 16, 15 + bytes.readUInt32BE(12)));
    });
    bare.write(question);
  });
}

await using session = await openSession({
  resource: `TCPIP0::127.0.0.1::hislip0,${port}::INSTR`,
  clock: createSystemClock(),
});

const { sessionUs, bareUs } = await raceQueries({ session, bareQuery, reply: REPLY, queries: QUERIES, passes: PASSES });

bare.destroy();
child.kill();

const isMet = printBench(`query-hislip: ${QUERIES} SCPI queries over HiSLIP, median of ${PASSES} passes`, [
  {
    what: 'session.query: queue, correlation, MessageIDs, trace',
    unit: 'us',
    us: sessionUs,
    peer: 'bare DataEND round trip',
    theirs: bareUs,
    atMost: 1.5,
  },
]);
process.exitCode = isMet ? 0 : 1;
