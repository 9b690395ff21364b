import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { openSession } from '../src/engine/session/open-session.ts';
import { createSystemClock } from '../src/engine/system-clock.ts';
import { openTransport } from '../src/engine/transport/open-transport.ts';
import { median, printBench } from './bench-table.ts';

/**
 * A SCPI query over VXI-11 through session and transport against the two calls it is made of (device_write, device_read), written by hand on a bare
 * socket; both ask one instrument in another process, by turns, in this run. Goal: at most 1.5 × the bare round trip.
 */
const QUERIES = 2000;
const PASSES = 9;
const QUESTION = ':MEAS:VOLT?';
const REPLY = '+4.98760000E+00';

/** The least instrument: replies as bytes, no state. A reply is its mark, xid, 20 bytes of header and the results. */
const INSTRUMENT = `
  const net = require('node:net');
  const reply = '${REPLY}\\n';
  const data = Buffer.alloc(12 + ((reply.length + 3) & ~3));
  data.writeUInt32BE(4, 4);
  data.writeUInt32BE(reply.length, 8);
  data.write(reply, 12, 'latin1');
  const link = Buffer.from('00000000000000000000000000100000', 'hex');
  const results = (call) => {
    switch (call.readUInt32BE(24)) {
      case 10: return link;
      case 11: { const size = Buffer.alloc(8); call.copy(size, 4, 60, 64); return size; }
      case 12: return data;
      default: return Buffer.alloc(4);
    }
  };
  net.createServer({ noDelay: true }, (socket) => {
    let waiting = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      waiting = waiting.length > 0 ? Buffer.concat([waiting, bytes]) : bytes;
      while (waiting.length >= 4) {
        const size = 4 + (waiting.readUInt32BE(0) & 0x7fffffff);
        if (waiting.length < size) return;
        const body = results(waiting);
        const out = Buffer.alloc(28 + body.length);
        out.writeUInt32BE(0x80000000 + 24 + body.length, 0);
        waiting.copy(out, 4, 4, 8);
        out.writeUInt32BE(1, 8);
        body.copy(out, 28);
        socket.write(out);
        waiting = waiting.subarray(size);
      }
    });
  }).listen(0, '127.0.0.1', function () { process.send(this.address().port); });
`;

const child: ChildProcess = spawn(process.execPath, ['-e', INSTRUMENT], {
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
});
const [port] = (await once(child, 'message')) as [number];

const bare = net.connect({ host: '127.0.0.1', port, noDelay: true });
await once(bare, 'connect');

let xid = 0;
/** One call with arguments in hex and perhaps data; the results, without header. */
function bareCall(procedure: number, args: string, data = Buffer.alloc(0)): Promise<Buffer> {
  const head = Buffer.from(
    `000000000000000000000002000607af000000010000000000000000000000000000000000000000${args}`,
    'hex',
  );
  const message = Buffer.concat([Buffer.alloc(4), head, data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
  message.writeUInt32BE(0x8000_0000 + message.length - 4, 0);
  message.writeUInt32BE(++xid, 4);
  message.writeUInt32BE(procedure, 24);
  return new Promise((resolve) => {
    let reply: Buffer = Buffer.alloc(0);
    const onData = (bytes: Buffer): void => {
      reply = reply.length > 0 ? Buffer.concat([reply, bytes]) : bytes;
      if (reply.length < 4 || reply.length < 4 + (reply.readUInt32BE(0) & 0x7fff_ffff)) return;
      bare.off('data', onData);
      assert.equal(reply.readUInt32BE(4), xid);
      resolve(reply.subarray(28));
    };
    bare.on('data', onData);
    bare.write(message);
  });
}

/** What anybody writes: device_write with END, device_read until END. */
async function bareQuery(text: string): Promise<string> {
  const question = Buffer.from(`${text}\n`, 'latin1');
  const length = question.length.toString(16).padStart(8, '0');
  const written = await bareCall(11, `00000000000007d0000007d000000008${length}`, question);
  assert.equal(written.readUInt32BE(0), 0);
  const read = await bareCall(12, '0000000000010000000007d0000007d00000000000000000');
  assert.deepEqual([read.readUInt32BE(0), read.readUInt32BE(4)], [0, 4]);
  return read.subarray(12, 12 + read.readUInt32BE(8) - 1).toString('latin1');
}

await bareCall(10, '000000010000000000000000' + '00000005', Buffer.from('inst0'));
const resource = `TCPIP0::127.0.0.1,${port}::inst0::INSTR`;
await using session = await openSession({ resource, clock: createSystemClock() });
await using transport = await openTransport(resource);

async function transportQuery(text: string): Promise<string> {
  const writing = transport.write(Buffer.from(`${text}\n`, 'latin1'), { end: true });
  const { bytes, end } = await transport.read();
  await writing;
  assert.equal(end, true);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length - 1).toString('latin1');
}

async function timeUs(query: (text: string) => Promise<string>): Promise<number> {
  const start = performance.now();
  for (let count = 0; count < QUERIES; count++) assert.equal(await query(QUESTION), REPLY);
  return ((performance.now() - start) * 1000) / QUERIES;
}

const passes: { bare: number; transport: number; session: number }[] = [];
for (let pass = 0; pass <= PASSES; pass++) {
  const result = {
    bare: await timeUs(bareQuery),
    transport: await timeUs(transportQuery),
    session: await timeUs((text) => session.query(text)),
  };
  // The first pass warms up.
  if (pass > 0) passes.push(result);
}

assert.equal(session.stats.queries, (PASSES + 1) * QUERIES);
assert.equal(session.stats.timeouts, 0);
bare.destroy();
child.kill();

const peer = 'bare device_write + device_read';
const theirs = median(passes.map((pass) => pass.bare));
const isMet = printBench(`query-vxi11: ${QUERIES} SCPI queries over VXI-11, median of ${PASSES} passes`, [
  {
    what: 'session.query: queue, trace, link, two calls',
    unit: 'us',
    us: median(passes.map((pass) => pass.session)),
    peer,
    theirs,
    atMost: 1.5,
  },
  {
    what: 'transport alone: link, two calls',
    unit: 'us',
    us: median(passes.map((pass) => pass.transport)),
    peer,
    theirs,
  },
]);
process.exitCode = isMet ? 0 : 1;
