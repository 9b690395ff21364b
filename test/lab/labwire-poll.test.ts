import { expect, test } from 'vitest';
import { LabwireStream } from '../../src/lab/labwire/labwire-stream.ts';
import type { StreamHost } from '../../src/lab/labwire/stream-host.ts';
import { RestClient } from '../../src/lab/rest-client.ts';
import { ServerClock } from '../../src/lab/server-clock/server-clock.ts';
import { StreamTable } from '../../src/lab/stream-keeper/stream-table.ts';
import { ManualPorts } from './manual-ports.ts';
import { RowLog } from './row-log.ts';

test('a numbering that is over answers with the form of the present one: that is opened with its rows, not before', async () => {
  const ports = new ManualPorts();
  const server = { epoch: 1, made: 10, unit: 'V' };
  const asked: string[] = [];
  ports.answer = ({ url }) => {
    const { searchParams: query } = new URL(url);
    asked.push(query.toString());
    const from = query.get('from');
    const epoch = Number(query.get('epoch') ?? server.epoch);
    const first = from === null ? server.made - 1 : Number(from);
    const count = epoch === server.epoch ? Math.max(0, server.made - first) : 0;
    const startUs = Number(ports.clock.nowNs() / 1000n);
    const rows = Array.from({ length: count }, (_, at) => [first + at, startUs - (count - at) * 100, first + at]);
    const page = { key: 'psu/readings', epoch, schema: { channels: ['v'], units: [server.unit] }, rows, states: [] };
    return { status: 200, headers: {}, body: new TextEncoder().encode(JSON.stringify(page)) };
  };
  using table = new StreamTable(ports, { onSummary: () => undefined });
  const host: StreamHost = {
    rest: new RestClient(ports, { base: 'http://lab.test' }),
    clock: new ServerClock(ports.clock),
    uncertaintyS: 0,
    priority: undefined,
    maxMessageRows: 0,
    keeper: (key) => table.get(key),
    send: () => false,
    askHistory: () => Promise.resolve(),
    isDelivering: () => false,
    renew: () => undefined,
  };
  const log = new RowLog();
  table.setHealth('down', 'The socket is off.');
  table.open(new LabwireStream('psu', 'readings', host), 1000, log);
  await ports.clock.advance(500);
  server.made += 2;
  await ports.clock.advance(1000);
  expect(log.rowEntries.map(({ values }) => values[0])).toEqual([9, 10, 11]);
  // Nothing new, of the same numbering: what comes between the two questions is not left out.
  await ports.clock.advance(1000);
  expect(asked.at(-1)).toBe('epoch=1&from=12');
  server.made += 3;
  await ports.clock.advance(1000);
  expect(asked.at(-1)).toBe('');
  await ports.clock.advance(1000);
  expect(log.rowEntries.map(({ values }) => values[0])).toEqual([9, 10, 11, 12, 13, 14]);
  expect(log.gaps).toEqual([]);
  Object.assign(server, { epoch: 2, made: 5, unit: 'mV' });
  await ports.clock.advance(1000);
  expect(asked.at(-1)).toBe('epoch=1&from=15');
  expect(log.opens.map(({ columns }) => columns[0]?.unit)).toEqual(['V']);
  await ports.clock.advance(1000);
  expect(log.opens.map(({ columns }) => columns[0]?.unit)).toEqual(['V', 'mV']);
  expect(log.gaps).toMatchObject([{ lost: 0, reason: 'The server began its numbering anew.' }]);
  server.made++;
  await ports.clock.advance(1000);
  expect(asked.at(-1)).toBe('epoch=2&from=5');
  expect(log.rowEntries.slice(6).map(({ values }) => values[0])).toEqual([4, 5]);
});
