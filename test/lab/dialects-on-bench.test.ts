import { afterEach, beforeEach, expect, test } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { NeurographServer } from '../servers/neurograph/server.ts';
import { VitalServer } from '../servers/vital/server.ts';
import { type Lab, openLab } from './lab.ts';
import type { LabScreen } from './lab-screen.ts';

/** Numbers of NeuroGraph and leads of VITAL on the bench: attached, shown and kept apart like every instrument. */
let lab: Lab;
let screen: LabScreen;

beforeEach(async () => {
  lab = await openLab({ startBench: false });
  screen = await lab.screen();
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

/** Adds the server and attaches its first equipment. */
async function attach(url: string): Promise<string> {
  await screen.client.call('server.add', { url });
  const resource = await screen.until('its equipment', ({ servers }) => servers[0]?.equipment[0]?.resource);
  return screen.attach(resource);
}

/** The newest row of one channel, once so many came. */
async function rowsOf(channel: string, count: number): Promise<void> {
  let seen = 0;
  await screen.watch([channel], { kind: 'raw' }, (block) => {
    if (block.kind === 'raw') seen += block.batch.rows;
    return seen >= count;
  });
}

test('the metrics of NeuroGraph are channels; a new number becomes one more', async () => {
  await using server = await NeurographServer.start({ metricsMs: 50 });
  server.metrics = { cpu_percent: 12 };
  const instrument = await attach(`127.0.0.1:${server.port}`);
  await rowsOf(`${instrument}/cpu_percent`, 3);
  server.metrics = { cpu_percent: 13, gpu_percent: 50 };
  await screen.until('the new channel', ({ channels }) =>
    channels.find((channel) => channel.instrument === instrument && channel.name === 'gpu_percent'),
  );
  await rowsOf(`${instrument}/gpu_percent`, 3);
  expect(screen.state.servers[0]).toMatchObject({ dialect: 'neurograph' });
});

test('the leads of a patient are channels at their rate', async () => {
  await using server = await VitalServer.start();
  const instrument = await attach(`http://127.0.0.1:${server.port}?patient=p1`);
  await screen.until('its lead', ({ channels }) =>
    channels.find((channel) => channel.instrument === instrument && channel.name === 'I'),
  );
  await rowsOf(`${instrument}/I`, 100);
  expect(screen.state.servers[0]).toMatchObject({ dialect: 'vital' });
});
