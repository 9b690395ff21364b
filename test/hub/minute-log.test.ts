import { expect, test } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { ANONYMOUS } from '../../src/hub/access/principal.ts';
import { ConnectionBook, type ConnectionCounts, type HubConnection } from '../../src/hub/connection-book.ts';
import { createHubLog } from '../../src/hub/hub-log.ts';
import { logEachMinute } from '../../src/hub/metrics/minute-log.ts';

function connection(id: string, counts: Partial<ConnectionCounts>): HubConnection {
  const all = { sent: 0, received: 0, bytesSent: 0, bytesReceived: 0, queued: 0, utilization: 0, dropped: 0 };
  return {
    id,
    principal: ANONYMOUS,
    dialect: 'labwire.1',
    address: '127.0.0.1',
    openedNs: 0n,
    counts: () => ({ ...all, state: 'normal', streams: 0, rawBytes: 0, wireBytes: 0, ...counts }),
    retire: async () => {},
    roleChanged: () => {},
    end: () => {},
  };
}

test('132 the log has the number of streams each minute, over all connections, until it is ended', async () => {
  const clock = new ManualClock();
  const lines: string[] = [];
  const log = createHubLog(
    clock,
    (text) => text,
    (line) => lines.push(line),
  );
  const connections = new ConnectionBook();
  connections.add(connection('a', { streams: 3, sent: 10 }));
  const second = connections.add(connection('b', { streams: 2, sent: 5, dropped: 1, queued: 4 }));
  const ending = logEachMinute({ clock, connections, log }, 60_000);
  await clock.advance(59_999);
  expect(lines).toEqual([]);
  await clock.advance(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    time: expect.stringMatching(/Z$/),
    event: 'hub.minute',
    connections: 2,
    active_streams: 5,
    sent: 15,
    dropped: 1,
    queued: 4,
  });
  second[Symbol.dispose]();
  await clock.advance(60_000);
  expect(JSON.parse(lines[1] ?? '')).toMatchObject({ connections: 1, active_streams: 3 });
  ending[Symbol.dispose]();
  await clock.advance(120_000);
  expect(lines).toHaveLength(2);
  expect(clock.pending).toBe(0);
});
