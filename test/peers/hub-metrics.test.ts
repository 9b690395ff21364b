import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { openHubOnItsPorts } from './hub-ports.ts';
import { pythonText, runPeer } from './peer-program.ts';
import { Wscat } from './wscat.ts';

/** The metrics of a shared bench, read by Prometheus' own tool and by its Python library. */
const scope = new Scope('metrics of a hub');
let text: string;

beforeAll(async () => {
  const hub = await openHubOnItsPorts(scope);
  // So that every family has something to show.
  const cat = scope.use(new Wscat('-c', 'ws://localhost:8000/ws'));
  await cat.until(1);
  cat.type('{"type":"subscribe","channels":["metrics","status"]}');
  cat.type('{"type":"unsubscribe","channels":["status"]}');
  cat.type('{"type":"nonsense"}');
  await cat.until(4);
  await cat.end();
  const staying = scope.use(new Wscat('-c', 'ws://localhost:8000/ws'));
  await staying.until(1);
  const { metrics } = hub.hub.parts;
  metrics.neurograph.broadcast('metrics', 0.01);
  metrics.neurograph.overflowed('a client', 1);
  metrics.pressed('backpressure');
  text = await (await fetch('http://localhost:8000/metrics')).text();
  await staying.end();
});

afterAll(() => scope[Symbol.asyncDispose]());

const hasPromtool = spawnSync('promtool', ['--version']).error === undefined || process.env.LABWIRE_CI === '1';

test.skipIf(!hasPromtool)(
  'promtool check metrics (skipped without promtool: apt-get install prometheus): it reads all of it; what it finds are two names of NeuroGraph',
  async () => {
    const { stderr, stdout, status } = await runPeer('promtool', ['check', 'metrics'], { input: text });
    expect(`${stdout.toString()}${stderr}`.trim().split('\n').sort()).toEqual([
      'neurograph_ws_buffered_events_total non-counter metrics should not have "_total" suffix',
      'neurograph_ws_connections_total non-counter metrics should not have "_total" suffix',
    ]);
    // 3: it could be read, and has such findings; 1: it could not be read.
    expect(status).toBe(3);
    const broken = await runPeer('promtool', ['check', 'metrics'], { input: text.replace('# TYPE', '# TYPE twice') });
    expect(broken.status).toBe(1);
  },
);

interface Family {
  type: string;
  labels: string[];
  buckets: string[];
  samples: number;
}

/** Families as the library's parser of the text format reads them; what it adds of its own (`_created`) left out. */
async function read(page: string): Promise<Record<string, Family>> {
  const said = await pythonText(`
import json
from prometheus_client.parser import text_string_to_metric_families

families = {}
for family in text_string_to_metric_families(${JSON.stringify(page)}):
    labels = sorted({name for sample in family.samples for name in sample.labels})
    buckets = sorted({float(sample.labels["le"]) for sample in family.samples if "le" in sample.labels})
    families[family.name] = {"type": family.type, "labels": labels, "buckets": [str(one) for one in buckets], "samples": len(family.samples)}
print(json.dumps(families))
`);
  const families = Object.entries(JSON.parse(said) as Record<string, Family>);
  return Object.fromEntries(families.filter(([name]) => !name.endsWith('_created')));
}

/** What was never counted in the recording shows no labels there: as the source of the original has them. */
const NEVER_COUNTED: Record<string, Pick<Family, 'labels' | 'buckets'>> = {
  neurograph_ws_message_latency_seconds: {
    labels: ['le', 'message_type'],
    buckets: ['0.001', '0.005', '0.01', '0.05', '0.1', '0.5', '1.0', '5.0', 'inf'],
  },
  neurograph_ws_broadcast_duration_seconds: {
    labels: ['channel', 'le'],
    buckets: ['0.001', '0.005', '0.01', '0.05', '0.1', '0.5', '1.0', 'inf'],
  },
  neurograph_ws_buffer_overflow: { labels: ['client_id'], buckets: [] },
};

test('201–216 prometheus_client reads every family; the 16 of NeuroGraph have the names, kinds, labels and buckets of the original', async () => {
  const ours = await read(text);
  expect(Object.keys(ours).length).toBe(text.match(/^# TYPE /gm)?.length);
  // Of some of Node's own figures there is nothing to show at this moment.
  const empty = Object.keys(ours).filter((name) => ours[name]?.samples === 0);
  expect(empty.filter((name) => !/^labhub_/.test(name))).toEqual([]);
  const page = readFileSync(join(import.meta.dirname, '../fixtures/lab/neurograph/002-metrics.txt'), 'utf8');
  const theirs = Object.entries(await read(page)).filter(([name]) => name.startsWith('neurograph_ws_'));
  expect(theirs.length).toBe(16);
  for (const [name, { samples, ...recorded }] of theirs) {
    const wanted = samples === 0 ? { type: recorded.type, ...NEVER_COUNTED[name] } : recorded;
    const { samples: _, ...here } = ours[name] ?? { samples: 0 };
    expect([name, here]).toEqual([name, wanted]);
  }
});
