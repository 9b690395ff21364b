import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { NeurographMetrics } from '../../src/hub/metrics/neurograph-metrics.ts';
import { parsePrometheusText } from '../../src/protocol/lab/prometheus-text.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { LabwireProbe } from './labwire-probe.ts';

const scope = new Scope('observability of the hub');
let hub: HubLab;

beforeAll(async () => {
  hub = scope.use(await openHubLab());
});

afterAll(() => scope[Symbol.asyncDispose]());

test('139, 217 /metrics is read by a parser of the format, at both paths', async () => {
  const texts = await Promise.all(
    ['/metrics', '/api/v1/metrics'].map(async (path) => (await fetch(hub.url() + path)).text()),
  );
  for (const text of texts) {
    const page = parsePrometheusText(text);
    expect(page.malformed).toBe(0);
    expect(page.families.length).toBeGreaterThan(30);
  }
});

test('every metric the dashboard asks for is there', async () => {
  const dashboard = await readFile(
    join(import.meta.dirname, '..', '..', 'resources', 'grafana', 'labwire-hub.json'),
    'utf8',
  );
  const text = await (await fetch(`${hub.url()}/metrics`)).text();
  const asked = new Set(dashboard.match(/\b(?:labhub|neurograph_ws|websocket)_[a-z_]+/g));
  expect(asked.size).toBeGreaterThan(10);
  for (const name of asked) {
    const family = name.replace(/_bucket$/, '');
    expect(text, name).toContain(`# TYPE ${family} `);
  }
});

test('201–216 users in their thousands make no more than 50 labels', async () => {
  const registry = new Registry();
  const users = Array.from({ length: 10_000 }, (_, user) => `user-${user}`);
  const neurograph = new NeurographMetrics(
    registry,
    () => 0,
    () => users,
  );
  for (let user = 0; user < 10_000; user++) {
    neurograph.received(`type-${user}`, 10);
    neurograph.overflowed(`client-${user}`, 1);
  }
  const text = await registry.metrics();
  for (const label of ['user_id', 'message_type', 'client_id'])
    expect(new Set(text.match(new RegExp(`${label}="[^"]*"`, 'g'))).size).toBeLessThanOrEqual(50);
});

test('202 a client whose token comes with its hello is counted under its name once it is in', async () => {
  const byUser = async (): Promise<string[]> =>
    (await (await fetch(`${hub.url()}/metrics`)).text()).match(/^neurograph_ws_connections_by_user\{.*$/gm) ?? [];
  const probe = new LabwireProbe(hub.socketUrl('/ws'));
  await probe.hello({ auth: { token: await hub.token('viewer') } });
  expect(await byUser()).toEqual(['neurograph_ws_connections_by_user{user_id="viewer"} 1']);
  probe.socket.close();
  await expect.poll(byUser, { timeout: 20_000 }).toEqual([]);
});

test('the OpenAPI document and its page name the routes; live and ready say how it is', async () => {
  const document = (await (await fetch(`${hub.url()}/openapi.json`)).json()) as { openapi: string; paths: object };
  expect(document.openapi).toBe('3.1.0');
  expect(Object.keys(document.paths)).toEqual(
    expect.arrayContaining(['/api/equipment/list', '/detector/snapshot', '/api/v1/websocket/status', '/metrics']),
  );
  const page = await fetch(`${hub.url()}/docs`);
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(await page.text()).toContain('/api/equipment/list');
  expect(await (await fetch(`${hub.url()}/live`)).json()).toEqual({ status: 'alive' });
  expect(await (await fetch(`${hub.url()}/ready`)).json()).toEqual({ status: 'ready', instruments: 1 });
});
