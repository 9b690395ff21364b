import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import koffi from 'koffi';
import { openSession } from '../src/engine/session/open-session.ts';
import { createSystemClock } from '../src/engine/system-clock.ts';
import { forkVisaChild } from '../src/engine/transport/vendor-visa/fork-visa.ts';
import { openVendor } from '../src/engine/transport/vendor-visa/open-vendor.ts';
import { printBench } from './bench-table.ts';
import { raceQueries } from './query-race.ts';

/**
 * A query through session and the maker's VISA against viWrite and viRead called by koffi in a process of their own, one message to that process for each
 * call; both load the library of the tests (gcc) and ask one instrument in a third process, by turns, in this run. Goal: at most 1.5 × the bare calls.
 * Beside it, without a goal: both calls for one message, which cannot be interrupted between them.
 */
/** Short passes by turns: a busy machine hits both alike. */
const QUERIES = 100;
const PASSES = 61;
const REPLY = '+4.98760000E+00';
/** Which part of this program a process is; forked children take it from their environment. */
const PART = 'LABWIRE_BENCH_PART';
const PROGRAM = process.argv[1] ?? '';

type Part = 'instrument' | 'labwire' | 'bare';

switch (process.env[PART] as Part | undefined) {
  case 'instrument':
    serveInstrument();
    break;
  case 'labwire':
    await import('../src/engine/transport/vendor-visa/visa-child.ts');
    break;
  case 'bare':
    serveBareCalls();
    break;
  default:
    await measure();
}

function start(part: Part): ReturnType<typeof forkVisaChild> {
  process.env[PART] = part;
  const child = forkVisaChild(PROGRAM);
  delete process.env[PART];
  return child;
}

/** The least instrument behind the bridge of test/fixtures/vendor-visa/visa.c: whatever is written is taken, whatever is read is the reply. */
function serveInstrument(): void {
  const reply = Buffer.from(`${REPLY}\n`);
  const answer = Buffer.concat([Buffer.alloc(12), reply]);
  answer.writeUInt32LE(reply.length, 8);
  const server = createServer({ noDelay: true }, (socket) => {
    let waiting: Buffer = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      waiting = waiting.length > 0 ? Buffer.concat([waiting, bytes]) : bytes;
      while (waiting.length >= 13 && waiting.length >= 13 + waiting.readUInt32LE(9)) {
        const length = waiting.readUInt32LE(9);
        const taken = Buffer.alloc(12);
        taken.writeUInt32LE(length, 4);
        socket.write(waiting[0] === 0x72 ? answer : taken);
        waiting = waiting.subarray(13 + length);
      }
    });
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as { port: number }).port));
  process.on('disconnect', () => process.exit(0));
}

type BareCall =
  | { call: 'open'; library: string; resource: string }
  | { call: 'write' | 'query'; bytes: Uint8Array }
  | { call: 'read' };

/** What anybody writes: a process that carries out the calls it is asked for. */
function serveBareCalls(): void {
  let session = 0;
  let write: (bytes: Uint8Array) => Promise<void> = async () => {};
  let read: () => Promise<Uint8Array> = async () => new Uint8Array(0);
  const open = async (library: string, resource: string): Promise<void> => {
    const visa = koffi.load(library);
    const call = (signature: string): ((...parameters: unknown[]) => Promise<void>) => {
      const native = visa.func(signature);
      return (...parameters) =>
        new Promise((resolve, reject) => {
          native.async(...parameters, (error: unknown, status: number) => {
            if (error || status < 0) reject(error ?? new Error(String(status)));
            else resolve();
          });
        });
    };
    const opened = [0];
    await call(
      'int32_t viOpen(uint32_t manager, const char *name, uint32_t mode, uint32_t ms, _Out_ uint32_t *session)',
    )(1, resource, 0, 5000, opened);
    session = opened[0] ?? 0;
    const viWrite = call(
      'int32_t viWrite(uint32_t session, const uint8_t *buffer, uint32_t count, _Out_ uint32_t *done)',
    );
    const viRead = call('int32_t viRead(uint32_t session, uint8_t *buffer, uint32_t count, _Out_ uint32_t *done)');
    const buffer = new Uint8Array(65_536);
    write = (bytes) => viWrite(session, bytes, bytes.length, [0]);
    read = async () => {
      const got = [0];
      await viRead(session, buffer, buffer.length, got);
      return buffer.slice(0, got[0]);
    };
  };
  const carryOut = async (request: BareCall): Promise<Uint8Array | undefined> => {
    if (request.call === 'open') await open(request.library, request.resource);
    if (request.call === 'write' || request.call === 'query') await write(request.bytes);
    return request.call === 'read' || request.call === 'query' ? read() : undefined;
  };
  process.on('message', ({ id, request }: { id: number; request: BareCall }) => {
    void carryOut(request).then((bytes) => process.send?.({ id, bytes }));
  });
  process.on('disconnect', () => process.exit(0));
}

/** The engine's side of it. */
function startBareCalls(): { ask: (request: BareCall) => Promise<Uint8Array | undefined>; kill(): void } {
  const child = start('bare');
  const waiting = new Map<number, (bytes: Uint8Array | undefined) => void>();
  let last = 0;
  child.onMessage((message) => {
    const { id, bytes } = message as { id: number; bytes?: Uint8Array };
    waiting.get(id)?.(bytes);
    waiting.delete(id);
  });
  return {
    ask: (request) =>
      new Promise((resolve) => {
        waiting.set(++last, resolve);
        child.send({ id: last, request } as never);
      }),
    kill: () => child.kill(),
  };
}

async function measure(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'labwire-bench-visa-'));
  const library = join(folder, 'libvisa-bench.so');
  const source = join(process.env.LABWIRE_ROOT ?? '.', 'test/fixtures/vendor-visa/visa.c');
  const built = spawnSync('gcc', ['-shared', '-fPIC', '-O2', '-o', library, source, '-lpthread']);
  if (built.status !== 0) {
    console.log('\nquery-vendor-visa: skipped, gcc cannot build the library of the tests here');
    return;
  }
  // The children hold no engine alive; the benchmark waits for them.
  const alive = setInterval(() => {}, 1000);
  const instrument = start('instrument');
  const port = await new Promise<number>((resolve) => instrument.onMessage((message) => resolve(message as number)));
  const resource = `TCPIP0::127.0.0.1,${port}::inst0::INSTR`;
  const bare = startBareCalls();
  await bare.ask({ call: 'open', library, resource });
  const text = (bytes: Uint8Array | undefined): string => {
    assert.ok(bytes);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length - 1).toString('latin1');
  };
  const inTwo = async (question: string): Promise<string> => {
    await bare.ask({ call: 'write', bytes: Buffer.from(`${question}\n`, 'latin1') });
    return text(await bare.ask({ call: 'read' }));
  };
  const inOne = async (question: string): Promise<string> =>
    text(await bare.ask({ call: 'query', bytes: Buffer.from(`${question}\n`, 'latin1') }));
  await using session = await openSession({
    clock: createSystemClock(),
    open: () => openVendor({ resource }, { library, spawn: () => start('labwire'), idleMs: 0 }),
  });
  const race = { session, reply: REPLY, queries: QUERIES, passes: PASSES };
  const ofTwo = await raceQueries({ ...race, bareQuery: inTwo });
  const ofOne = await raceQueries({ ...race, bareQuery: inOne });
  clearInterval(alive);
  bare.kill();
  instrument.kill();
  rmSync(folder, { recursive: true, force: true });
  const what = "session.query over the maker's VISA";
  const isMet = printBench(`query by the maker's VISA: ${QUERIES} queries, median of ${PASSES} passes`, [
    { what, unit: 'us', us: ofTwo.sessionUs, peer: 'bare viWrite, viRead', theirs: ofTwo.bareUs, atMost: 1.5 },
    { what, unit: 'us', us: ofOne.sessionUs, peer: 'both for one message', theirs: ofOne.bareUs },
  ]);
  process.exitCode = isMet ? 0 : 1;
}
