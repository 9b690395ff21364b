import { afterEach, beforeEach, expect, test } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { openLabServer } from '../../src/lab/open-lab-server.ts';
import { NeurographServer } from '../servers/neurograph/server.ts';
import { PowerMeterServer } from '../servers/power-meter/server.ts';
import { VitalServer } from '../servers/vital/server.ts';

let scope: Scope;
beforeEach(() => {
  scope = new Scope('recognition test');
});
afterEach(() => scope[Symbol.asyncDispose]());

async function dialectOf(url: string): Promise<string> {
  const ports = scope.use(createNodePorts(createSystemClock()));
  return scope.use(await openLabServer(ports, { url }, new AbortController().signal)).dialect;
}

test('each server is told from the others by what it says, and nothing is sent on a power socket meanwhile', async () => {
  const power = scope.use(await PowerMeterServer.start());
  expect(await dialectOf(power.url)).toBe('power-meter');
  expect(power.sockets.flatMap(({ path, received }) => (path.endsWith('/power') ? received : []))).toEqual([]);
  power.state.isConnected = false;
  expect(await dialectOf(power.url)).toBe('power-meter');
  for (const version of ['0.60.1', '1.0.0'] as const) {
    const neurograph = scope.use(await NeurographServer.start({ version }));
    expect(await dialectOf(neurograph.url)).toBe('neurograph');
    expect(neurograph.seen[0]?.received.every((text) => !text.includes('hello'))).toBe(true);
  }
  for (const speaks of ['frames', 'json'] as const) {
    const vital = scope.use(await VitalServer.start({ speaks }));
    expect(await dialectOf(`http://127.0.0.1:${vital.port}`)).toBe('vital');
  }
});
