import { afterEach, expect, test } from 'vitest';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { compareRows, feed, keyOf, openHubClient, trueRows } from './labwire-lab.ts';

let lab: HubLab;

afterEach(() => lab[Symbol.asyncDispose]());

test('the socket is off and the instrument is attached again: polling follows it, and the change is declared', async () => {
  lab = await openHubLab({ attach: ['supply'] });
  await lab.screen.until('streams', ({ streams }) => streams.length > 0);
  const before = keyOf(lab, 'ps');
  await feed(lab, before.info.instrument);
  await using own = openHubClient(new URL(lab.url()).host, { token: await lab.token('developer'), webSocket: false });
  const { log, stream } = own.want(before.key, 0);
  const until = (holds: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      log.onRows = () => {
        if (holds()) resolve();
      };
    });
  await until(() => log.count >= 5);
  expect(stream.stats.source).toBe('polled');
  await lab.screen.client.call('instrument.close', { instrument: before.info.instrument });
  const id = await lab.screen.attach(lab.lab.resource('supply'));
  await feed(lab, id);
  const gapAt = (): number => log.entries.findIndex(({ kind }) => kind === 'gap');
  await until(() => gapAt() >= 0 && log.entries.length > gapAt() + 20);
  const after = keyOf(lab, 'ps');
  expect(after.key).toBe(before.key);
  expect(after.info.epoch).toBeGreaterThan(before.info.epoch);
  expect(log.gaps).toMatchObject([{ reason: 'The server began its numbering anew.' }]);
  expect(stream.stats).toMatchObject({ source: 'polled', lost: 0, unaccounted: 0 });
  // After the change each row is one of the engine's, once and in order.
  log.entries.splice(0, gapAt());
  expect(compareRows(log, await trueRows(lab, after.info)).length).toBeGreaterThan(15);
});
