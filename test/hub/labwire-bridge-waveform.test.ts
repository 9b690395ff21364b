import { expect, test } from 'vitest';
import type { Client } from '../../src/contract/client.ts';
import { readRawHistory } from '../../src/hub/bench/raw-history.ts';
import { openLab } from '../lab/lab.ts';
import { openHubLab } from './hub-harness.ts';

async function newestSegment(client: Client, channel: string): Promise<number[]> {
  const { pieces } = await readRawHistory(client, {
    channels: [channel],
    fromNs: 0n,
    toNs: 9_223_372_036_854_775_807n,
    limit: 1_000_000,
  });
  return pieces.flatMap(({ block }) => [...(block.batch.columns[0] ?? [])]);
}

test('an oscilloscope of a shared bench is captured from another bench: the same samples stand on both', async () => {
  await using shared = await openHubLab({ attach: ['scope'] });
  await using second = await openLab({ startBench: false });
  const screen = await second.screen();
  const token = await shared.token('developer');
  await screen.client.call('server.add', { url: new URL(shared.url()).host, token });
  const resource = await screen.until('its equipment', ({ servers }) => servers[0]?.equipment[0]?.resource, 40_000);
  const instrument = await screen.attach(resource);
  const there = shared.screen.state.instruments[0];
  const [name = ''] = there?.waveforms ?? [];
  const here = screen.state.instruments.find(({ id }) => id === instrument);
  expect(here).toMatchObject({ role: 'scope', waveforms: there?.waveforms });
  await screen.client.call('instrument.capture', { instrument, channels: [name] });
  const samples = await newestSegment(screen.client, `${instrument}/${name}`);
  expect(samples.length).toBeGreaterThan(100);
  expect(samples).toEqual(await newestSegment(shared.screen.client, `${there?.id}/${name}`));
});
