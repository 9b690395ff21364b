import { expect, test } from 'vitest';
import type { FromEngine } from '../contract/host-messages.ts';
import { ParentServices } from './parent-services.ts';

function create(): { services: ParentServices; sent: FromEngine[] } {
  const sent: FromEngine[] = [];
  return { services: new ParentServices({ host: 'node', unavailable: {} }, (message) => sent.push(message)), sent };
}

const FAULT = { kind: 'hang', probability: 1, count: null, delayMs: 0 } as const;

test('the simulated bench is asked of the host, answer by answer, also out of order', async () => {
  const { services, sent } = create();
  const starting = services.startSimulator();
  expect(sent).toEqual([{ kind: 'request', request: 1, ask: { kind: 'startSimulator' } }]);
  services.take({ kind: 'answer', request: 99, instruments: [] });
  services.take({
    kind: 'answer',
    request: 1,
    instruments: [{ name: 'meter', role: 'meter', idn: null, resources: [] }],
  });
  const simulator = await starting;
  expect(simulator.instruments.map(({ name }) => name)).toEqual(['meter']);

  const first = simulator.setFault('meter', FAULT);
  const second = simulator.setFault('nobody', FAULT);
  services.take({ kind: 'refusal', request: 3, error: { code: 'simulator.failed', message: 'no such instrument' } });
  services.take({ kind: 'answer', request: 2, instruments: [] });
  await first;
  await expect(second).rejects.toMatchObject({ code: 'simulator.failed', message: 'no such instrument' });

  services.take({ kind: 'simulatorEnded', reason: 'killed' });
  expect(await simulator.closed).toBe('killed');
});

test('a host that ends answers no more: what waits for it fails, nothing hangs', async () => {
  const { services, sent } = create();
  const starting = services.startSimulator();
  services.take({ kind: 'answer', request: 1, instruments: [] });
  const simulator = await starting;
  const fault = simulator.setFault('meter', FAULT);
  const stopping = simulator[Symbol.asyncDispose]();
  services.hostGone();
  await expect(fault).rejects.toMatchObject({ code: 'simulator.failed' });
  await stopping;
  expect(await simulator.closed).toMatch(/is gone/);
  await simulator[Symbol.asyncDispose]();
  await expect(services.startSimulator()).rejects.toMatchObject({ code: 'simulator.failed' });
  expect(sent).toHaveLength(3);
});

test('waking is told to who listens, until he does not', () => {
  const { services } = create();
  let woken = 0;
  const listening = services.onWake(() => woken++);
  services.take({ kind: 'wake' });
  listening[Symbol.dispose]();
  services.take({ kind: 'wake' });
  expect(woken).toBe(1);
});

test("the wire to the maker's VISA comes with the answer; a host that sends none is told so", async () => {
  const { services, sent } = create();
  const port = { postMessage() {}, start() {}, close() {}, on() {} };
  const starting = services.startVisa();
  expect(sent).toEqual([{ kind: 'request', request: 1, ask: { kind: 'startVisa' } }]);
  services.take({ kind: 'answer', request: 1, instruments: [] }, port);
  expect(await starting).toBe(port);
  const refused = services.startVisa();
  services.take({ kind: 'answer', request: 2, instruments: [] });
  await expect(refused).rejects.toMatchObject({ code: 'resource.unsupported' });
});

test('the hub is asked of the host; each of its ends is told until it is ended on request', async () => {
  const { services, sent } = create();
  const starting = services.startHub();
  expect(sent).toEqual([{ kind: 'request', request: 1, ask: { kind: 'startHub' } }]);
  services.take({ kind: 'answer', request: 1, instruments: [] });
  const hub = await starting;
  const ends: unknown[] = [];
  const listening = hub.onEnd((end) => ends.push(end));
  services.take({ kind: 'hubEnded', reason: 'code 1', retryMs: 250 });
  services.take({ kind: 'hubEnded', reason: 'too often', retryMs: null });
  listening[Symbol.dispose]();
  services.take({ kind: 'hubEnded', reason: 'unheard', retryMs: null });
  expect(ends).toEqual([
    { reason: 'code 1', retryMs: 250 },
    { reason: 'too often', retryMs: null },
  ]);
  const stopping = hub[Symbol.asyncDispose]();
  expect(sent.at(-1)).toEqual({ kind: 'request', request: 2, ask: { kind: 'stopHub' } });
  services.take({ kind: 'answer', request: 2, instruments: [] });
  await stopping;
  const refused = services.startHub();
  services.take({ kind: 'refusal', request: 3, error: { code: 'share.failed', message: 'not built' } });
  await expect(refused).rejects.toMatchObject({ code: 'share.failed' });
});
