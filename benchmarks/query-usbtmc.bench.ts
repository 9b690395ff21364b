import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { openSession } from '../src/engine/session/open-session.ts';
import { createSystemClock } from '../src/engine/system-clock.ts';
import { UsbipDevice } from '../src/engine/transport/usb/usbip-device.ts';
import { decodeMessageIn, encodeMessageOut, encodeRequestIn, nextBulkTag } from '../src/protocol/usbtmc.ts';
import { openUsbipServer } from '../src/simulator/usb/usbip-server.ts';
import { UsbtmcPeripheral } from '../src/simulator/usb/usbtmc-peripheral.ts';
import { MessageExchange } from '../src/simulator/wire/message-exchange.ts';
import { printBench } from './bench-table.ts';
import { raceQueries } from './query-race.ts';

/**
 * A query through session and USBTMC transport against the bare three transfers of USBTMC (message out, request out, answer in) by the same USB/IP
 * client; both ask devices of one exporter in another process, by turns, in this run. Goal: at most 1.5 × the bare round trip.
 */
const QUERIES = 1500;
const PASSES = 9;
const REPLY = '+4.98760000E+00';

if (process.argv[2] === 'serve') await serve();
else await measure();

/** The exporter, in a process of its own. */
async function serve(): Promise<void> {
  const answer = Buffer.from(`${REPLY}\n`);
  const server = await openUsbipServer({ port: 0 });
  for (let count = 0; count < 2; count++) {
    const device = {
      idn: `Labwire,Bench,${count},1`,
      connect: () =>
        new MessageExchange({
          execute: async (_message, respond) => respond(answer, true),
          statusByte: () => 0,
          serviceRequestEnable: () => 0,
          fail: () => {},
        }),
    };
    server.plug(new UsbtmcPeripheral(device));
  }
  process.send?.(server.port);
  process.on('disconnect', () => process.exit(0));
}

async function measure(): Promise<void> {
  const child: ChildProcess = fork(process.argv[1] ?? '', ['serve'], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [port] = (await once(child, 'message')) as [number];
  const about = { host: '127.0.0.1', port, busId: '1-1', vendorId: 0x1209, productId: 0x4c57, resource: 'bare' };
  const bare = new UsbipDevice(about);
  await bare.open();
  let tag = 1;

  /** What anybody writes: the message, the request, the answer. */
  async function bareQuery(text: string): Promise<string> {
    tag = nextBulkTag(tag);
    await bare.transferOut(1, encodeMessageOut(tag, Buffer.from(`${text}\n`), true));
    tag = nextBulkTag(tag);
    await bare.transferOut(1, encodeRequestIn(tag, 1024));
    const { bytes } = await bare.transferIn(2, 1536);
    const header = decodeMessageIn(bytes);
    assert.ok(header?.end);
    return Buffer.from(bytes.subarray(12, 12 + header.size - 1)).toString('latin1');
  }

  const resource = `USBIP0::127.0.0.1,${port}::0x1209::0x4C57::1::INSTR`;
  await using session = await openSession({ resource, clock: createSystemClock() });

  const { sessionUs, bareUs } = await raceQueries({
    session,
    bareQuery,
    reply: REPLY,
    queries: QUERIES,
    passes: PASSES,
  });
  await bare.close();

  const isMet = printBench(`query by USBTMC over USB/IP: ${QUERIES} queries, median of ${PASSES} passes`, [
    {
      what: 'session.query over the USBTMC transport',
      unit: 'us',
      us: sessionUs,
      peer: 'bare USBTMC round trip',
      theirs: bareUs,
      atMost: 1.5,
    },
  ]);
  child.disconnect();
  process.exitCode = isMet ? 0 : 1;
}
